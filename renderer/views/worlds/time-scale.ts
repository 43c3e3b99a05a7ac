/** The time that Worlds shows: so many seconds, up to a moment, or up to now as time goes on. */
export interface TimeWindow {
  /** Seconds; infinite: the whole run. */
  readonly span: number;
  /** Seconds of the guest's clock; null: now. */
  readonly end: number | null;
}
export interface Shown {
  readonly from: number;
  readonly to: number;
}

/** A shorter time cannot be told apart on a screen: a switch between worlds takes longer. */
const SHORTEST = 1e-6;

export function shown({ span, end }: TimeWindow, now: number): Shown {
  const to = Math.min(end ?? now, now);
  const length = Math.max(SHORTEST, Math.min(span, now));
  const from = Math.max(0, to - length);
  return { from, to: Math.min(now, from + length) };
}
/** Zoomed about a moment by a factor (below 1: in). Following goes on while the moment is the last. */
export function zoomed(window: TimeWindow, now: number, at: number, factor: number): TimeWindow {
  const { from, to } = shown(window, now);
  const span = Math.min(Math.max((to - from) * factor, SHORTEST), now);
  if (window.end === null && at >= to) return { span, end: null };
  const share = (at - from) / (to - from);
  return { span, end: Math.min(now, Math.max(span, at + (1 - share) * span)) };
}
/** Moved by so many seconds; at the end of the run it follows again. */
export function moved(window: TimeWindow, now: number, by: number): TimeWindow {
  const { from, to } = shown(window, now);
  const end = Math.max(to - from, to + by);
  return { span: to - from, end: end >= now ? null : end };
}

/** A duration in the unit that fits. */
export function durationText(seconds: number): string {
  for (const [unit, size] of [
    ['s', 1],
    ['ms', 1e-3],
    ['µs', 1e-6],
  ] as const) {
    if (seconds >= size) return `${Number((seconds / size).toPrecision(3))} ${unit}`;
  }
  return `${Math.round(seconds * 1e9)} ns`;
}
