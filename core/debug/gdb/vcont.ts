/** Actions of `vCont`. */
import type { CoreAction } from '../../system/api.ts';

export interface VCont {
  readonly actions: readonly CoreAction[];
  /** `r`: this core steps until its PC leaves [start, end). */
  readonly range: { readonly core: number; readonly start: bigint; readonly end: bigint } | null;
}

/**
 * `action[:thread]` separated by semicolons: for each core the first action that names it counts, one without a thread names all
 * that are left. Null when it cannot be understood.
 */
export function parseVCont(text: string, cores: number): VCont | null {
  const actions = new Array<CoreAction | undefined>(cores);
  let range: VCont['range'] = null;
  for (const part of text.split(';')) {
    const match = /^([cs]|[CS][0-9a-fA-F]{2}|t|r([0-9a-fA-F]+),([0-9a-fA-F]+))(?::(-1|[0-9a-fA-F]+))?$/.exec(part);
    if (!match) return null;
    const kind = match[1]![0]!.toLowerCase();
    const action: CoreAction = kind === 'c' ? 'run' : kind === 's' || kind === 'r' ? 'step' : 'halt';
    const thread = match[4] === undefined || match[4] === '-1' ? -1 : Number.parseInt(match[4], 16);
    for (let core = 0; core < cores; core++) {
      // Thread 0 is any: the first.
      const named = thread < 0 || thread === core + 1 || (thread === 0 && core === 0);
      if (!named || actions[core]) continue;
      actions[core] = action;
      if (kind === 'r') range = { core, start: BigInt(`0x${match[2]}`), end: BigInt(`0x${match[3]}`) };
    }
  }
  return { actions: Array.from(actions, (action) => action ?? 'halt'), range };
}
