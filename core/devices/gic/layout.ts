/**
 * The GIC's state: 32-bit words in shared memory. Everything about 32 interrupts lies in one bank: there is one for the private
 * interrupts of each core and one for each 32 shared ones, so that distributor and redistributors work alike.
 */

import { GIC_REG, KEPT_LIST, KEPT_WORDS } from '../../arch/registers/gic-interface.ts';

/** Words of a bank; bit n of each is interrupt n of the bank. */
export const BANK = {
  /** IGROUPR and IGRPMODR. */
  group: 0,
  modifier: 1,
  enable: 2,
  /** Pending by an edge, a write or an SGI; acknowledging clears it. */
  latch: 3,
  /** Level of the input. */
  level: 4,
  active: 5,
  /** Edge-triggered (ICFGR). */
  edge: 6,
  /** Pending, enabled, not active, its group enabled in the distributor: what the core may be told of. Derived. */
  candidates: 7,
  /** NSACR, two words of two bits each. */
  nsacr: 8,
  /** Priorities, a byte each. */
  priority: 10,
} as const;
export const BANK_WORDS = 18;

/** Words for all. */
export const GLOBAL = {
  lock: 0,
  /** GICD_CTLR as the Secure side sees it. */
  control: 1,
  /** Bit n: shared bank n has candidates. Derived. */
  ready: 2,
} as const;
const GLOBAL_WORDS = 16;

/** Where the virtual interface's begin. */
export const VIRTUAL = 32;
/** Words of a core, behind its bank. Arrays are indexed by group: 0, 1 Secure, 1 Non-secure. */
export const CORE = {
  bank: 0,
  waker: 18,
  pmr: 19,
  /** CBPR and EOImode bits as in ICC_CTLR_EL3[4:0]. */
  control: 20,
  /** Bit n: group n is enabled in the CPU interface. */
  enables: 21,
  bpr: 22,
  /** Active priorities: bit n is group priority 8 n. */
  active: 25,
  /** Highest priority pending interrupt and its priority (256: none). Derived. */
  pendingId: 28,
  pendingPriority: 29,
  /** Lines as they were last signalled. */
  lines: 30,
  virtualLines: 31,
  // Virtual interface: in the order that generated code reads these words in.
  hcr: VIRTUAL + KEPT_WORDS.get(GIC_REG.ICH_HCR)!,
  vmcr: VIRTUAL + KEPT_WORDS.get(GIC_REG.ICH_VMCR)!,
  /** Active priorities of virtual groups 0 and 1. */
  virtualActive: VIRTUAL + KEPT_WORDS.get(GIC_REG.ICH_AP0R0)!,
  /** List registers, low and high word each. */
  lr: VIRTUAL + KEPT_LIST,
  end: 44,
} as const;
const CORE_WORDS = 48;

export class Layout {
  readonly cores: number;
  readonly sharedBanks: number;
  readonly routes: number;
  readonly targets: number;
  readonly firstCore: number;
  readonly words: number;
  constructor(cores: number, spis: number) {
    this.cores = cores;
    this.sharedBanks = spis / 32;
    this.routes = GLOBAL_WORDS + this.sharedBanks * BANK_WORDS;
    this.targets = this.routes + 2 * spis;
    this.firstCore = this.targets + spis;
    this.words = this.firstCore + cores * CORE_WORDS;
  }
  /** First word of a core; also that of the bank of its private interrupts. */
  core(n: number): number {
    return this.firstCore + n * CORE_WORDS;
  }
  /** Bank of the shared interrupts 32 n + 32 and following. */
  shared(n: number): number {
    return GLOBAL_WORDS + n * BANK_WORDS;
  }
}
