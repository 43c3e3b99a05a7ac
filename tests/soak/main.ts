/** `npm run soak -- --minutes N`: see `soak.ts`. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type KernelName, unavailable } from '../boot/debian/packages.ts';
import { soak } from './soak.ts';

/** Lines of the guest's that are shown when something was wrong. */
const LINES = 100;

const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number above 0 is needed.');
  return value;
};
const command = new Command('soak')
  .description('Load of all kinds in a guest: no lost interrupt, no panic, no growing memory.')
  .option('--minutes <n>', 'how long', positive, 20)
  .option('--vcpus <n>', 'cores of the guest', positive, 4)
  .addOption(new Option('--kernel <name>', "Debian's kernel").choices(['6.1', '6.12', 'cloud']).default('6.12'))
  .parse();
const { minutes, vcpus, kernel } = command.opts<{ minutes: number; vcpus: number; kernel: KernelName }>();

const missing = await unavailable('busybox', kernel);
if (missing !== null) {
  console.error(`soak: ${missing}`);
  process.exit(1);
}
const result = await soak({
  ...{ minutes, vcpus, kernel, start: 'EL1' },
  onReport: (seconds, counts, mebibytes) => {
    const list = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
    console.log(`${seconds} s, ${mebibytes} MiB: ${list.join(', ')}`);
  },
});
console.log(`resident memory: ${result.memory.map(Math.round).join(' MiB in the second quarter, ')} MiB in the last`);
if (result.stops.length > 0) {
  console.log(`the host let nobody run for ${result.stops.join(', ')} s; not counted of what the kernel said then:`);
  console.log(result.excused.join('\n') || 'nothing');
}
if (result.wrong.length > 0)
  console.error(
    result.text
      .split(/\r*\n/)
      .filter((line) => !line.startsWith('soak '))
      .slice(-LINES)
      .join('\n'),
  );
for (const line of result.wrong) console.error(`soak: ${line}`);
console.log(result.wrong.length === 0 ? 'soak: nothing was wrong' : 'soak: failed');
process.exitCode = result.wrong.length === 0 ? 0 : 1;
