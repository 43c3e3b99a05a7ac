/** Actions of `vCont`. */
import type { CoreAction } from '../../system/api.ts';

/**
 * `action[:thread]` separated by semicolons: for each core the first action that names it counts, one without a thread names all
 * that are left. Null when it cannot be understood.
 */
export function parseVCont(text: string, cores: number): CoreAction[] | null {
  const actions = new Array<CoreAction | undefined>(cores);
  for (const part of text.split(';')) {
    const match = /^([cs]|[CS][0-9a-fA-F]{2}|t)(?::(-1|[0-9a-fA-F]+))?$/.exec(part);
    if (!match) return null;
    const kind = match[1]![0]!.toLowerCase();
    const action: CoreAction = kind === 'c' ? 'run' : kind === 's' ? 'step' : 'halt';
    const thread = match[2] === undefined || match[2] === '-1' ? -1 : Number.parseInt(match[2], 16);
    for (let core = 0; core < cores; core++) {
      // Thread 0 is any: the first.
      const named = thread < 0 || thread === core + 1 || (thread === 0 && core === 0);
      if (named) actions[core] ??= action;
    }
  }
  return Array.from(actions, (action) => action ?? 'halt');
}
