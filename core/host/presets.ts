/** Presets: those that come with Trireme, and the user's own, each a JSON file. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { fileReason, UserError } from '../system/errors.ts';
import { withFiles } from './configure.ts';
import { HostError } from './errors.ts';
import { type ListedPreset, type Preset, presetSchema } from './launch.ts';

/** Where a user's presets are kept, by the customs of the system. */
export function presetFolder(env: NodeJS.ProcessEnv = process.env, platform = process.platform): string {
  if (env.TRIREME_PRESETS) return env.TRIREME_PRESETS;
  if (platform === 'win32') return join(env.APPDATA ?? homedir(), 'Trireme', 'presets');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Trireme', 'presets');
  return join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'trireme', 'presets');
}

export class Presets {
  private readonly folder: string;
  private readonly builtIn: readonly ListedPreset[];
  private readonly own = new Map<string, ListedPreset>();

  /** `builtIn`, `folder`: folders with `ID.json`; files that are not presets are told to `log`. */
  constructor(builtIn: string, folder: string, log: (line: string) => void) {
    this.folder = folder;
    // They name files of the project's, from its root, which is two folders up.
    const here = (path: string): string => resolve(builtIn, '..', '..', path);
    const ranked = readFolder(builtIn, log).sort((a, b) => a.rank - b.rank);
    this.builtIn = ranked.map((p) => ({ ...p, launch: withFiles(p.launch, here), builtIn: true }));
    for (const p of readFolder(folder, log)) this.own.set(p.id, { ...p, builtIn: false });
  }

  list(): ListedPreset[] {
    return [...this.builtIn, ...[...this.own.values()].sort((a, b) => a.name.localeCompare(b.name))];
  }

  /** `id` null: a new one. */
  save(id: string | null, fields: Omit<Preset, 'id' | 'needs' | 'rank'>): ListedPreset {
    if (id !== null && this.builtIn.some((p) => p.id === id)) {
      throw new HostError('state', 'this preset comes with Trireme: save a copy under another name');
    }
    if (id !== null && !this.own.has(id)) throw new HostError('missing', 'there is no such preset any more');
    const preset: Preset = { id: id ?? this.freshId(fields.name), ...fields, needs: [], rank: 1000 };
    const path = join(this.folder, `${preset.id}.json`);
    try {
      mkdirSync(this.folder, { recursive: true });
      // A preset is whole or as it was before, whatever happens meanwhile.
      writeFileSync(`${path}.new`, `${JSON.stringify(preset, null, 2)}\n`);
      renameSync(`${path}.new`, path);
    } catch (error) {
      throw new UserError(`the preset cannot be saved in ${this.folder}: ${fileReason(error)}`);
    }
    const listed = { ...preset, builtIn: false };
    this.own.set(preset.id, listed);
    return listed;
  }

  remove(id: string): void {
    if (!this.own.delete(id)) throw new HostError('missing', 'there is no such preset among your own');
    rmSync(join(this.folder, `${id}.json`), { force: true });
  }

  private freshId(name: string): string {
    const base =
      name
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .replace(/^-|-$/g, '')
        .slice(0, 48) || 'preset';
    const taken = new Set(this.list().map((p) => p.id));
    for (let n = 1; ; n++) {
      const id = n === 1 ? base : `${base}-${n}`;
      if (!taken.has(id)) return id;
    }
  }
}

function readFolder(folder: string, log: (line: string) => void): Preset[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((n) => n.endsWith('.json'));
  } catch {
    return [];
  }
  return names.sort().flatMap((name) => {
    try {
      const data = JSON.parse(readFileSync(join(folder, name), 'utf8'));
      return [v.parse(presetSchema, data) as Preset];
    } catch (error) {
      log(`${join(folder, name)} is no preset: ${(error as Error).message.split('\n')[0]}`);
      return [];
    }
  });
}
