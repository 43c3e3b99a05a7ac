// SPDX-License-Identifier: Apache-2.0
// Tasks of a page's main thread, by Chromium's trace.
import type { DevTools } from './chromium.ts';

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds: when it began. */
  readonly ts: number;
  /** Microseconds that passed, and those of them in which the thread had a processor. */
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}
/** In ms; `draws`: a frame was drawn in it. */
export interface Task {
  readonly wall: number;
  readonly cpu: number;
  readonly draws: boolean;
}
/** Tasks while something is done, the longest first. */
export async function traced(devtools: DevTools, act: () => Promise<void>): Promise<Task[]> {
  const events: TraceEvent[] = [];
  devtools.on('Tracing.dataCollected', ({ value }: { value: TraceEvent[] }) => void events.push(...value));
  await devtools.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', 'cc', '__metadata'] },
  });
  await act();
  const complete = new Promise((resolve) => devtools.on('Tracing.tracingComplete', resolve));
  await devtools.send('Tracing.end');
  await complete;
  const thread = (e: TraceEvent): string => `${e.pid}.${e.tid}`;
  const main = new Set(events.filter((e) => e.args?.name === 'CrRendererMain').map(thread));
  const own = events.filter((e) => e.dur !== undefined && main.has(thread(e)));
  const tasks = own.filter((e) => /RunTask$/.test(e.name));
  const frames = own.filter((e) => e.name === 'ProxyMain::BeginMainFrame');
  const within = (inner: TraceEvent, e: TraceEvent): boolean =>
    thread(inner) === thread(e) && inner.ts >= e.ts && inner.ts < e.ts + e.dur!;
  return tasks
    .map((e) => ({
      ...{ wall: e.dur! / 1000, cpu: (e.tdur ?? 0) / 1000 },
      draws: frames.some((f) => within(f, e)),
    }))
    .sort((a, b) => b.wall - a.wall);
}
