/** The launch panel's state: a draft, what is wrong with it, and the commands that do the same. */
import type { LaunchCheck, RunSummary } from '../../core/host/api.ts';
import type { ListedPreset } from '../../core/host/launch.ts';
import { bridge } from '../api/wires.ts';
import { messageOf, notices } from './notices.svelte.ts';
import { type Workbench, workbench } from './workbench.svelte.ts';

export type Draft = Record<string, unknown>;

const KEY = 'trireme.launch';
/** The window's draft, so that a reload loses nothing. */
const DRAFT = 'trireme.draft';
const DELAY = 60;

/** Value at a path like `machine.uarts`. */
export function valueAt(draft: Draft, path: string): unknown {
  return path.split('.').reduce<unknown>((holder, key) => (holder as Draft | undefined)?.[key], draft);
}
/** A copy with another value at a path. */
export function withValue(draft: Draft, path: string, value: unknown): Draft {
  const [key = '', ...rest] = path.split('.');
  const inner = rest.length === 0 ? value : withValue((draft[key] ?? {}) as Draft, rest.join('.'), value);
  if (Array.isArray(draft)) return draft.map((old, n) => (String(n) === key ? inner : old)) as unknown as Draft;
  return { ...draft, [key]: inner };
}

/** What was being edited in this window before it was loaded again. */
function keptDraft(): { preset: string; draft: Draft } | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(DRAFT) ?? 'null');
    return typeof kept?.preset === 'string' && typeof kept.draft === 'object' && kept.draft ? kept : null;
  } catch {
    return null;
  }
}

export class LaunchState {
  preset: ListedPreset | null = $state.raw(null);
  draft: Draft = $state.raw({});
  check: LaunchCheck = $state.raw({ problems: [], commands: { trireme: null, qemu: null } });
  checked = $state(false);
  starting = $state(false);
  changed: boolean = $derived(
    this.preset !== null && JSON.stringify(this.draft) !== JSON.stringify(this.preset.launch),
  );
  /** No preset has come yet. */
  readonly empty: boolean = $derived(this.preset === null);
  readonly bare: boolean = $derived((this.draft.machine as { type?: string } | undefined)?.type === 'bare');
  private readonly bench: Workbench;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;

  constructor(bench: Workbench) {
    this.bench = bench;
  }

  /** Shows a preset when there is none yet: the one of last time, or the first. */
  begin(presets: readonly ListedPreset[]): void {
    if (presets.length === 0) return;
    const now = this.preset && presets.find((p) => p.id === this.preset?.id);
    if (now) {
      this.preset = now;
      return;
    }
    const kept = keptDraft();
    const last = kept?.preset ?? localStorage.getItem(KEY);
    this.choose(presets.find((p) => p.id === last) ?? presets[0]!);
    if (kept && this.preset?.id === kept.preset) this.change(kept.draft, 0);
  }
  choose(preset: ListedPreset): void {
    localStorage.setItem(KEY, preset.id);
    this.preset = preset;
    this.change(structuredClone(preset.launch) as Draft, 0);
  }
  /** Shows the launch of a run as a draft. */
  adopt(run: RunSummary): void {
    this.preset = this.bench.presets.find((p) => p.id === run.preset) ?? this.preset;
    this.change(structuredClone(run.launch) as Draft, 0);
  }
  /** Shows a draft that is of no preset here, as a change of the one that is chosen. */
  show(draft: Draft): void {
    this.change(draft, 0);
  }
  /** MEC is switched on. */
  get mec(): boolean {
    return !this.bare && this.get('mec.enabled') === true;
  }
  setMec(on: boolean): void {
    this.set('mec.enabled', on);
    if (!on) return;
    // MEC is a part of RME, which needs both levels.
    for (const path of ['rme.enabled', 'machine.secure', 'machine.virtualization']) this.set(path, true);
  }
  revert(): void {
    if (this.preset) this.choose(this.preset);
  }
  set(path: string, value: unknown): void {
    this.change(withValue(this.draft, path, value), DELAY);
  }
  get(path: string): unknown {
    return valueAt(this.draft, path);
  }
  problem(path: string): string | null {
    return this.check.problems.find((p) => p.field === path)?.message ?? null;
  }

  private change(draft: Draft, delay: number): void {
    this.draft = draft;
    sessionStorage.setItem(DRAFT, JSON.stringify({ preset: this.preset?.id ?? null, draft }));
    this.checked = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(), delay);
  }
  private async ask(): Promise<void> {
    const asked = ++this.asked;
    try {
      const check = await this.bench.client.request('launch.check', { launch: this.draft });
      // An answer to an older draft says nothing about this one.
      if (asked !== this.asked) return;
      this.check = check;
      this.checked = true;
    } catch (error) {
      if (asked === this.asked) this.check = { ...this.check, problems: [{ field: '', message: messageOf(error) }] };
    }
  }

  /** Starts the draft; yields the run, or null when it did not start. */
  async start({ paused = false, on = 'trireme' as 'trireme' | 'qemu' } = {}): Promise<string | null> {
    if (this.starting || this.empty) return null;
    this.starting = true;
    try {
      const { client } = this.bench;
      const name = this.preset?.name ?? 'Unnamed';
      const { run } = await client.request('launch.start', {
        ...{ launch: this.draft, preset: this.preset?.id ?? null, name, on, paused },
      });
      this.bench.chosen = run;
      if (this.preset) bridge?.used({ id: this.preset.id, name: this.preset.name });
      return run;
    } catch (error) {
      notices.error(error);
      return null;
    } finally {
      this.starting = false;
    }
  }

  /** Keeps the draft: in its preset, or as a new one of this name. */
  async save(name: string | null): Promise<void> {
    try {
      const { preset } = await this.bench.client.request('presets.save', {
        id: name === null ? (this.preset?.id ?? null) : null,
        name: name ?? this.preset?.name ?? 'Unnamed',
        description: this.preset?.description ?? '',
        launch: this.draft,
      });
      this.choose(preset);
      notices.info(`The preset “${preset.name}” is saved.`);
    } catch (error) {
      notices.error(error);
    }
  }
  async remove(): Promise<void> {
    const { preset } = this;
    if (!preset || preset.builtIn) return;
    try {
      await this.bench.client.request('presets.remove', { id: preset.id });
      this.preset = null;
      this.begin(this.bench.presets);
    } catch (error) {
      notices.error(error);
    }
  }
}

export const launch = new LaunchState(workbench);
