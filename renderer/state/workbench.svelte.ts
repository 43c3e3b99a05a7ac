/** What the host has told: runs, their status, presets. The views read it; nothing here draws. */
import type { Result, RunStatus, RunSummary } from '../../core/host/api.ts';
import type { ListedPreset } from '../../core/host/launch.ts';
import { Client } from '../api/client.ts';
import { bridge, bridgeWire, webSocketWire } from '../api/wires.ts';
import { inOneFrame } from './frame.ts';
import { notices } from './notices.svelte.ts';

export class Workbench {
  readonly client: Client;
  connection: 'connecting' | 'open' | 'lost' = $state('connecting');
  hello: Result<'hello'> | null = $state.raw(null);
  presets: readonly ListedPreset[] = $state.raw([]);
  /** In the order in which they were started. */
  runs: readonly RunSummary[] = $state.raw([]);
  statuses: Readonly<Record<string, RunStatus>> = $state.raw({});
  /** The run that the views show. */
  chosen: string | null = $state(null);
  /** Changes when a connection was made anew: what was attached has to be attached again. */
  epoch = $state(0);

  run: RunSummary | null = $derived(this.runs.find((r) => r.id === this.chosen) ?? null);
  status: RunStatus | null = $derived(this.chosen ? (this.statuses[this.chosen] ?? null) : null);

  constructor(client: Client) {
    this.client = client;
    client.onState = (open, reason) => {
      if (reason !== '') notices.error(reason);
      this.connection = open ? 'open' : 'lost';
      if (open) void this.begin().catch((error) => notices.error(error));
    };
    client.on('run', ({ id, run }) => this.runChanged(id, run));
    client.on('status', (status) =>
      inOneFrame(() => {
        this.statuses = { ...this.statuses, [status.run]: status };
      }),
    );
    client.on('presets', () => void this.loadPresets());
  }

  private async begin(): Promise<void> {
    this.hello = await this.client.request('hello', {});
    const [{ runs }] = await Promise.all([this.client.request('runs.list', {}), this.loadPresets()]);
    this.runs = runs;
    if (!runs.some((r) => r.id === this.chosen)) this.chosen = runs.at(-1)?.id ?? null;
    this.epoch++;
  }
  private async loadPresets(): Promise<void> {
    this.presets = (await this.client.request('presets.list', {})).presets;
  }
  private runChanged(id: string, run: RunSummary | null): void {
    if (!run) {
      this.runs = this.runs.filter((r) => r.id !== id);
      if (this.chosen === id) this.chosen = this.runs.at(-1)?.id ?? null;
      return;
    }
    const before = this.runs.find((r) => r.id === id);
    for (const notice of run.notices.slice(before?.notices.length ?? 0)) notices.error(`${run.name}: ${notice}.`);
    const known = before !== undefined;
    this.runs = known ? this.runs.map((r) => (r.id === id ? run : r)) : [...this.runs, run];
    if (this.chosen === null) this.chosen = id;
  }
}

export const workbench = new Workbench(new Client(bridge ? bridgeWire(bridge) : webSocketWire));
