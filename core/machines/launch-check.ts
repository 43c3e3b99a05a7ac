/** Launches from data of unknown origin, and the rules that go over several fields. */
import * as v from 'valibot';
import { cpuModels, featureNames } from '../arch/features.ts';
import { UserError } from '../system/errors.ts';
import { type Launch, launchSchema } from './launch.ts';

/** Reads a launch; throws a UserError that names the first field that is wrong. */
export function readLaunch(data: unknown): Launch {
  const result = v.safeParse(launchSchema, data);
  if (!result.success) {
    const issue = result.issues[0];
    const where = v.getDotPath(issue);
    throw new UserError(`${where ? `${where}: ` : ''}${issue.message.split('\n')[0]}`);
  }
  checkLaunch(result.output);
  return result.output;
}

/** Rules by field; each yields what is wrong, or null. */
const RULES: readonly ((launch: Launch) => string | null)[] = [
  ({ cpu }) =>
    cpuModels.some((m) => m.name === cpu.model)
      ? null
      : `no CPU is called ${cpu.model} (there are ${cpuModels.map((m) => m.name).join(', ')})`,
  ({ cpu }) => {
    const unknown = Object.keys(cpu.features).find((name) => !featureNames.has(name));
    return unknown === undefined ? null : `no CPU feature is called ${unknown}`;
  },
  ({ cpu }) => ('x-rme' in cpu.features ? 'RME is switched by rme.enabled, not among the features' : null),
  ({ mec, rme }) => (mec.enabled && !rme.enabled ? 'MEC needs RME: switch RME on, too' : null),
  ({ rme, cpu }) => (rme.enabled && cpu.model !== 'max' ? `RME needs the CPU max, not ${cpu.model}` : null),
  ({ rme, machine }) =>
    rme.enabled && !(machine.secure && machine.virtualization)
      ? 'RME needs EL3 and EL2: switch secure and virtualization on, too'
      : null,
  ({ bios, pflash }) => (bios !== null && pflash[0] !== null ? 'the first flash bank has two images' : null),
  ({ kernel, initrd }) => (initrd !== null && kernel === null ? 'an initial RAM disk needs a kernel' : null),
  ({ kernel, append, bios, pflash }) =>
    append !== null && kernel === null && bios === null && pflash[0] === null
      ? 'a kernel command line needs a kernel, or firmware that has one'
      : null,
  ({ loaders, cores }) => {
    const far = loaders.find((l) => l.kind !== 'data' && l.core !== null && l.core >= cores);
    return far ? `a loader names core ${far.kind === 'data' ? '' : far.core}, but there are ${cores}` : null;
  },
  ({ topology: t, cores }) =>
    t !== null && t.sockets * t.clusters * t.cores * t.threads !== cores
      ? `${t.sockets} sockets of ${t.clusters} clusters of ${t.cores} cores of ${t.threads} threads are not ${cores} cores`
      : null,
  ({ virtio }) => {
    const tags = virtio.flatMap((d) => (d.device === '9p' ? [d.tag] : []));
    const twice = tags.find((tag, n) => tags.indexOf(tag) !== n);
    return twice === undefined ? null : `two shared folders have the mount tag ${twice}`;
  },
  ({ virtio, pflash }) => {
    const files = [...virtio.flatMap((d) => (d.device === 'block' ? [d] : [])), ...pflash.filter((f) => f !== null)];
    const writers = files.filter((f) => f.access === 'write').map((f) => f.file);
    const shared = writers.find((file) => files.filter((f) => f.file === file).length > 1);
    return shared === undefined ? null : `${shared} is to be written, and is used twice`;
  },
  ({ virtio }) => {
    const places = virtio.flatMap((d) => (d.device === 'block' && d.bootIndex !== null ? [d.bootIndex] : []));
    const twice = places.find((place, n) => places.indexOf(place) !== n);
    return twice === undefined ? null : `two disks have the boot index ${twice}`;
  },
  ({ machine, serials }) =>
    machine.uarts !== null && serials.length > machine.uarts
      ? `there are ${serials.length} serial lines, and ${machine.uarts} UARTs`
      : null,
];

/** Throws a UserError with the first rule that is broken. */
export function checkLaunch(launch: Launch): void {
  for (const rule of RULES) {
    const wrong = rule(launch);
    if (wrong !== null) throw new UserError(wrong);
  }
}

/** True when there is something to run. */
export function boots({ bios, pflash, kernel, loaders }: Launch): boolean {
  return bios !== null || pflash[0] !== null || kernel !== null || loaders.length > 0;
}
