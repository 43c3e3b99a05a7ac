/** Presets that the system hands over: as arguments of the command, or by an event where the system is macOS. */
import { readFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import * as v from 'valibot';
import { filesOf } from '../core/host/configure.ts';
import { anyLaunchSchema } from '../core/host/launch.ts';
import { fileReason, UserError } from '../core/system/errors.ts';

export const PRESET_SUFFIX = '.trireme';
const LARGEST = 1 << 20;

/** Preset files among the arguments of a command, which came from a working directory. */
export function presetFilesIn(args: readonly string[], cwd: string): string[] {
  return args.filter((a) => a.endsWith(PRESET_SUFFIX) && !a.startsWith('-')).map((a) => resolve(cwd, a));
}
/** `--preset=ID`, as the system's list of recent presets has it. */
export function presetIdIn(args: readonly string[]): string | null {
  const found = args.map((a) => /^--preset=([A-Za-z0-9._-]{1,64})$/.exec(a)?.[1]).find(Boolean);
  return found ?? null;
}

export interface PresetFile {
  readonly name: string;
  readonly text: string;
  /** Files that its launch names. */
  readonly paths: readonly string[];
}

const outer = v.object({ name: v.string(), launch: v.unknown() });

/** Throws a UserError that says what is wrong with the file. */
export function readPresetFile(path: string): PresetFile {
  const name = basename(path);
  let text: string;
  try {
    if (statSync(path).size > LARGEST) throw new UserError(`${name} is too large for a preset`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${name} cannot be read: ${fileReason(error)}`);
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new UserError(`${name} is no preset: it is not JSON`);
  }
  const parsed = v.safeParse(outer, data);
  if (!parsed.success) throw new UserError(`${name} is no preset: it has no name and launch`);
  // A launch with mistakes is shown with them; it names no files then.
  const launch = v.safeParse(anyLaunchSchema, parsed.output.launch);
  const paths = launch.success ? filesOf(launch.output).map(([, file]) => file) : [];
  return { name, text, paths: [...new Set(paths)] };
}
