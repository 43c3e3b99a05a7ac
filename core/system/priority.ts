/** Threads that come after the rest of a program: a window stays quick while its guests take whatever nobody else wants. */
import { constants, getPriority, setPriority } from 'node:os';

/**
 * Lowers the priority of the thread that calls (nice 10: a tenth of a contended processor). Only on Linux: elsewhere the call would
 * change the whole process, and leave what is to come first where it was.
 */
export function stepBack(): void {
  if (process.platform !== 'linux') return;
  const now = getPriority();
  if (now < constants.priority.PRIORITY_BELOW_NORMAL) setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
}
