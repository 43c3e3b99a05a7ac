// SPDX-License-Identifier: Apache-2.0
// Tasks of a page's main thread, by Chromium's trace.
import type { CDPSession } from 'playwright-core';

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
export async function traced(session: CDPSession, act: () => Promise<void>): Promise<Task[]> {
  const events: TraceEvent[] = [];
  const take = ({ value }: { value: unknown[] }): void => void events.push(...(value as TraceEvent[]));
  session.on('Tracing.dataCollected', take as never);
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', 'cc', '__metadata'] },
  });
  await act();
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve as never));
  await session.send('Tracing.end');
  await complete;
  session.off('Tracing.dataCollected', take as never);
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
