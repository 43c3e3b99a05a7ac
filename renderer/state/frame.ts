/** Frames take a guest its processor: what changes while a terminal is being written to is drawn together with that. */
const writers = new Set<object>();
let waiting: (() => void)[] = [];

export function beginsToWrite(who: object): void {
  writers.add(who);
}
export function hasWritten(who: object): void {
  writers.delete(who);
  if (writers.size > 0) return;
  const changes = waiting;
  waiting = [];
  for (const change of changes) change();
}
/** Makes a change of what is drawn: at once, or when terminals have been written to. */
export function inOneFrame(change: () => void): void {
  if (writers.size > 0) waiting.push(change);
  else change();
}
