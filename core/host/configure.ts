/** From a launch to a system's configuration: reads the files that it names. */
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import * as v from 'valibot';
import { cpuModels } from '../arch/features.ts';
import { loadElf } from '../boot/elf.ts';
import { bareSystem } from '../machines/bare.ts';
import type { Launch } from '../machines/launch.ts';
import { boots, checkLaunch } from '../machines/launch-check.ts';
import type { SystemConfig } from '../system/api.ts';
import { fileReason, UserError } from '../system/errors.ts';
import type { Problem } from './api.ts';
import { HostError } from './errors.ts';
import type { HostFiles } from './files.ts';
import { type AnyLaunch, anyLaunchSchema, type BareLaunch } from './launch.ts';

const RAM_BASE = 0x40000000;
/** A program may be larger than what it loads (symbols), but not without bound. */
const LARGEST_PROGRAM = 1 << 30;

export const isBare = (launch: AnyLaunch): launch is BareLaunch => launch.machine.type === 'bare';

/** Checks a draft; the launch is null when there are problems. */
export function checkDraft(draft: unknown, files: HostFiles): { launch: AnyLaunch | null; problems: Problem[] } {
  const result = v.safeParse(anyLaunchSchema, draft);
  if (!result.success) {
    const problems = result.issues.map((issue) => ({
      field: v.getDotPath(issue) ?? '',
      message: issue.message.split('\n')[0]!,
    }));
    return { launch: null, problems };
  }
  const launch = result.output as AnyLaunch;
  const problems = isBare(launch) ? bareProblems(launch) : virtProblems(launch);
  for (const [field, path] of filesOf(launch)) {
    const message = fileProblem(path, files);
    if (message !== null) problems.push({ field, message });
  }
  return { launch: problems.length === 0 ? launch : null, problems };
}

function bareProblems({ cpu }: BareLaunch): Problem[] {
  if (cpuModels.some((m) => m.name === cpu)) return [];
  return [{ field: 'cpu', message: `no CPU is called ${cpu} (there are ${cpuModels.map((m) => m.name).join(', ')})` }];
}

function virtProblems(launch: Launch): Problem[] {
  const problems: Problem[] = [];
  try {
    checkLaunch(launch);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    problems.push({ field: '', message: error.message });
  }
  if (!boots(launch)) {
    problems.push({ field: '', message: 'there is nothing to run: choose firmware, a kernel, or a file to load' });
  }
  return problems;
}

/** Every file that a launch names, with the path of its field. */
export function filesOf(launch: AnyLaunch): [field: string, path: string][] {
  if (isBare(launch)) return [['kernel', launch.kernel]];
  const list: [string, string | null][] = [
    ['bios', launch.bios],
    ['pflash.0.file', launch.pflash[0]?.file ?? null],
    ['pflash.1.file', launch.pflash[1]?.file ?? null],
    ['kernel', launch.kernel],
    ['initrd', launch.initrd],
    ['dtb', launch.dtb],
    ...launch.loaders.map((l, n): [string, string | null] => [`loaders.${n}.file`, l.kind === 'file' ? l.file : null]),
    ...launch.virtio.map((d, n): [string, string | null] =>
      d.device === 'block' ? [`virtio.${n}.file`, d.file] : [`virtio.${n}.folder`, d.device === '9p' ? d.folder : null],
    ),
    ...launch.fwCfg.map((f, n): [string, string | null] => [
      `fwCfg.${n}.content.path`,
      f.content.from === 'file' ? f.content.path : null,
    ]),
    ['semihosting.files', launch.semihosting && folderOf(launch.semihosting.files)],
    ...targetsOf(launch),
  ];
  return list.filter((entry): entry is [string, string] => entry[1] !== null);
}

/** The same launch with each file's path replaced. */
export function withFiles(launch: AnyLaunch, replace: (path: string) => string): AnyLaunch {
  const copy = structuredClone(launch) as AnyLaunch;
  for (const [field, path] of filesOf(launch)) {
    const keys = field.split('.');
    const last = keys.pop()!;
    let holder = copy as unknown as Record<string, unknown>;
    for (const key of keys) holder = holder[key] as Record<string, unknown>;
    if (holder[last] === path) holder[last] = replace(path);
  }
  return copy;
}

const folderOf = (files: string): string | null => (files === 'none' ? null : files === 'all' ? '/' : files);

/** Files and sockets that consoles write to count as files that the launch names. */
function targetsOf(launch: Launch): [string, string | null][] {
  const path = (target: { to: string } | null): string | null => {
    if (!target) return null;
    // These are made: the folder has to be there.
    if ('path' in target) return dirname(target.path as string);
    return 'link' in target && target.link !== null ? dirname(target.link as string) : null;
  };
  return [
    ...launch.serials.map((t, n): [string, string | null] => [`serials.${n}`, path(t)]),
    ...launch.exposed.map((e, n): [string, string | null] => [`exposed.${n}.target`, path(e.target)]),
    ...launch.monitors.map((t, n): [string, string | null] => [`monitors.${n}`, path(t)]),
  ];
}

function fileProblem(path: string, files: HostFiles): string | null {
  try {
    files.check(path);
    return null;
  } catch (error) {
    if (error instanceof UserError || error instanceof HostError) return error.message;
    throw error;
  }
}

/** The configuration of a bare machine with its program. */
export function configureBare(launch: BareLaunch, files: HostFiles): SystemConfig {
  const file = files.check(launch.kernel);
  const { startEl, memoryBytes } = launch;
  const program = loadElf(readProgram(file), basename(file), { base: RAM_BASE, size: memoryBytes });
  const commandLine = [basename(file), ...(launch.append ? [launch.append] : [])].join(' ');
  return bareSystem({
    ...{ cores: launch.cores, memoryBytes, ramBase: RAM_BASE, cpuModel: launch.cpu, engine: launch.engine },
    ...{ deterministic: launch.deterministic, seed: launch.seed ?? undefined, startEl },
    ...{ images: program.images, entry: program.entry },
    semihosting: launch.semihosting ? { files: 'none', commandLine } : null,
    psci: ({ 1: 'hvc', 2: 'smc', 3: 'none' } as const)[startEl],
  });
}

function readProgram(file: string): Uint8Array {
  try {
    if (statSync(file).size > LARGEST_PROGRAM) throw new UserError(`${basename(file)}: too large for memory`);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${basename(file)}: ${fileReason(error)}`);
  }
}
