/** `npm run fuzz -- --seconds N`: damaged files, rings, requests and messages, each kind for so long. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { fuzz } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number above 0 is needed.');
  return value;
};
const names = TARGETS.map(({ name }) => name);
const command = new Command('fuzz')
  .description('Damaged input: nothing hangs, fails in a way that is not foreseen, or takes too much memory.')
  .option('--seconds <n>', 'how long, for each target', positive, 60)
  .option('--seed <n>', 'start of the random numbers', positive, 1 + Math.floor(Math.random() * 0xfffffffe))
  .addOption(new Option('--target <name...>', 'only these').choices(names).default(names, 'all'))
  .parse();
const options = command.opts<{ seconds: number; seed: number; target: string[] }>();

console.log(`seed ${options.seed}`);
for (const target of options.target) {
  try {
    const { rounds, taken, mebibytes } = await fuzz(target, options.seconds, options.seed);
    console.log(`${target}: ${rounds} inputs, ${taken} of them taken, ${mebibytes} MiB`);
  } catch (error) {
    console.error(`fuzz: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
