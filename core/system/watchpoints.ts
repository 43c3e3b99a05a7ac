/** Watchpoints of a debugger, as one thread's cores meet them. */
import type { StopReason, Watchpoint } from './api.ts';

/** What an access is told (`CodeSpace.onWatch`): it goes on; it goes on, and its page stays out of the TLB; the core stops before it. */
const ANSWER = { none: 0, near: 1, stop: 2 } as const;
const PAGE_BITS = 12n;

export class Watchpoints {
  private list: readonly Watchpoint[] = [];
  private hit: StopReason | null = null;

  set(list: readonly Watchpoint[]): void {
    this.list = list;
  }
  /** An access of `bytes` bytes (0: a look at the page alone). `kind`: bit 0 a write, bit 1 a read as well. */
  access(va: bigint, bytes: number, kind: number): number {
    const from = BigInt.asUintN(64, va);
    let answer: number = ANSWER.none;
    for (const watchpoint of this.list) {
      const end = watchpoint.address + BigInt(watchpoint.length);
      if (bytes && from < end && watchpoint.address < from + BigInt(bytes) && wanted(watchpoint, kind)) {
        this.hit = { kind: 'watchpoint', watchpoint, address: from };
        return ANSWER.stop;
      }
      const page = from >> PAGE_BITS;
      if (page <= (end - 1n) >> PAGE_BITS && watchpoint.address >> PAGE_BITS <= page) answer = ANSWER.near;
    }
    return answer;
  }
  /** The watchpoint that has just stopped a core, once. */
  takeHit(): StopReason | null {
    const { hit } = this;
    this.hit = null;
    return hit;
  }
}

function wanted({ access }: Watchpoint, kind: number): boolean {
  if (access === 'access') return true;
  return access === 'write' ? (kind & 1) !== 0 : !(kind & 1) || (kind & 2) !== 0;
}
