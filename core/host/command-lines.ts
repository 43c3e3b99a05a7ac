/** The commands that do what a launch does. */
import { qemuArguments, shellLine, sizeText, triremeArguments } from '../cli/qemu/format.ts';
import type { LaunchCheck } from './api.ts';
import { isBare } from './configure.ts';
import type { AnyLaunch, BareLaunch } from './launch.ts';

export function commandsOf(launch: AnyLaunch): LaunchCheck['commands'] {
  if (isBare(launch))
    return { trireme: shellLine(['trireme', ...bareTrireme(launch)]), qemu: shellLine(bareQemu(launch)) };
  return {
    trireme: shellLine(['trireme', ...triremeArguments(launch)]),
    // No released QEMU has encryption contexts.
    qemu: launch.mec.enabled ? null : shellLine(['qemu-system-aarch64', ...qemuArguments(launch)]),
  };
}

function bareTrireme(l: BareLaunch): string[] {
  const words = ['run', '--kernel', l.kernel, '--cpus', `${l.cores}`, '--memory', sizeText(l.memoryBytes)];
  if (l.startEl !== 1) words.push('--el', `${l.startEl}`);
  if (l.cpu !== 'max') words.push('--cpu', l.cpu);
  if (l.engine !== 'normal') words.push('--engine', l.engine);
  if (l.deterministic) words.push('--deterministic');
  if (l.seed !== null) words.push('--seed', `${l.seed}`);
  if (l.append) words.push('--append', l.append);
  words.push(...(l.semihosting ? ['--semihosting-files', 'none'] : ['--no-semihosting']));
  return words;
}

export function bareQemu(l: BareLaunch): string[] {
  const levels = { 1: 'virt', 2: 'virt,virtualization=on', 3: 'virt,virtualization=on,secure=on' }[l.startEl];
  const words = [
    'qemu-system-aarch64',
    '-M',
    levels,
    '-cpu',
    l.cpu,
    '-smp',
    `${l.cores}`,
    '-m',
    sizeText(l.memoryBytes),
  ];
  words.push('-nographic', '-nic', 'none', '-kernel', l.kernel);
  if (l.append) words.push('-append', l.append);
  if (l.semihosting) words.push('-semihosting');
  return words;
}
