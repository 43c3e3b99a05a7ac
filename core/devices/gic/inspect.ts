/** What the interrupt controller knows of each interrupt, for whoever looks at a machine from outside. */
import { BANK } from './layout.ts';
import type { GicState } from './state.ts';

/** An interrupt as the distributor or a redistributor has it, in the Secure view. */
export interface InterruptState {
  readonly intid: number;
  /** The core that has it for itself (SGIs and PPIs, INTID 0–31), or null. */
  readonly core: number | null;
  readonly group: 'group0' | 'group1-secure' | 'group1-nonsecure';
  readonly enabled: boolean;
  readonly pending: boolean;
  readonly active: boolean;
  readonly trigger: 'level' | 'edge';
  /** 0–255; the lower, the more urgent. */
  readonly priority: number;
  /** SPIs: the core that gets it, or null where GICD_IROUTER names none that is there. */
  readonly target: number | null;
}

/** In the order of `GROUP`. */
const GROUPS = ['group0', 'group1-secure', 'group1-nonsecure'] as const;

/** Interrupts that are enabled, pending or active, private ones of each core first. With the lock held. */
export function interruptStates(s: GicState): InterruptState[] {
  const { words: w, layout } = s;
  const list: InterruptState[] = [];
  const add = (bank: number, first: number, core: number | null): void => {
    const [enabled, pending, active] = [w[bank + BANK.enable]!, s.pending(bank), w[bank + BANK.active]!];
    const has = (set: number, bit: number): boolean => ((set >>> bit) & 1) === 1;
    for (let bit = 0; bit < 32; bit++) {
      if (!has(enabled | pending | active, bit)) continue;
      const intid = first + bit;
      const route = core === null ? w[layout.targets + intid - 32]! : -1;
      list.push({
        intid,
        core,
        group: GROUPS[s.group(bank, bit)]!,
        enabled: has(enabled, bit),
        pending: has(pending, bit),
        active: has(active, bit),
        trigger: has(w[bank + BANK.edge]!, bit) ? 'edge' : 'level',
        priority: s.bytes[s.priorityAt(bank, bit)]!,
        target: route < 0 ? null : route,
      });
    }
  };
  for (let core = 0; core < layout.cores; core++) add(layout.core(core), 0, core);
  for (let n = 0; n < layout.sharedBanks; n++) add(layout.shared(n), 32 * n + 32, null);
  return list;
}
