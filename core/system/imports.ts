/** What generated code asks of its thread: the host imports of the architecture's libraries. */
import { FAULT_KIND } from '../arch/exceptions/fault-kinds.ts';
import { GIC_REG } from '../arch/registers/gic-interface.ts';
import * as state from '../arch/state.ts';
import { ENGINE_IMPORTS } from '../engine/codespace.ts';
import type { Library } from '../wasm/library.ts';
import { GLOBAL, globalIndex } from './control.ts';
import { MESSAGE } from './mailbox.ts';
import { randomSource } from './random.ts';
import { CODE_LINE, type Thread } from './thread.ts';

type Import = (...args: never[]) => unknown;

/** All imports that `library` announces, beyond the engine's own; an unknown one is an error of ours and said at once. */
export function hostImports(t: Thread, library: Library): Record<string, Import> {
  const random = randomSource(t.setup.config, t.setup.space);
  const known: Record<string, Import> = {
    /** Nanoseconds of guest time. */
    nanoseconds: (cpu: number) => t.timeAsked(cpu),
    timersChanged: (_cpu: number) => t.timersChanged(),
    pmuChanged: (_cpu: number) => t.timersChanged(),
    random,
    gicRead: (cpu: number, reg: number, access: number) => {
      if (!t.gic) return 0;
      const low = t.gic.readRegister(t.indexOf(cpu), reg, access);
      if (reg >= GIC_REG.ICH_LR) t.i32[(cpu + state.SCRATCH_HI) >> 2] = t.gic.high;
      return low;
    },
    gicWrite: (cpu: number, reg: number, access: number, lo: number, hi: number) =>
      t.gic?.writeRegister(t.indexOf(cpu), reg, lo, hi, access),
    trace: (cpu: number, kind: number, detail: number, a: bigint, b: bigint, c: bigint, d: bigint) =>
      t.tracing!.hook(cpu, kind, detail, [a, b, c, d]),
    sendEvent: (cpu: number) => {
      for (let core = 0; core < t.setup.layout.cores; core++) {
        if (t.core(core) === cpu) continue;
        Atomics.store(t.i32, (t.core(core) + state.EVENT) >> 2, 1);
        t.poke(core, 0);
      }
    },
    awaitAnswers: (cpu: number) => {
      t.mailbox.awaitAnswers(t.setup.cores);
      t.i32[(cpu + state.DSB_WAIT) >> 2] = 0;
    },
    // These are complete at the next DSB.
    broadcastTlbi: (_cpu: number, op: number, lo: number, hi: number) => t.broadcast(MESSAGE.tlbi, op, lo, hi),
    invalidateCode: (_cpu: number, host: number) => t.space.codeChanged(host, CODE_LINE),
    broadcastCode: (_cpu: number, host: number) => t.broadcastCode(host),
    invalidateAllCode: (_cpu: number, all: number) => {
      t.space.allCodeChanged();
      if (all) t.broadcast(MESSAGE.allCode, 0, 0, 0);
    },
    granuleFaultSeen: (cpu: number, iss: number, kind: number) =>
      t.watching.granuleFault(cpu, iss, kind === FAULT_KIND.instructionAbort),
    levelEntered: (cpu: number, from: number, vector: number) => t.watching.levelEntered(cpu, from, vector),
    levelLeft: (cpu: number, from: number, pc: bigint) => t.watching.levelLeft(cpu, from, pc),
    worldBegins: (cpu: number, world: number) => t.worldBegins(cpu, world),
    rmmStarted: (cpu: number, status: bigint) => t.rmmStarted(cpu, status),
    mismatchSeen: (cpu: number, page: number, want: number, who: number) => t.mismatch(cpu, page, want, who),
    claimPage: (cpu: number, page: number, want: number, who: number) =>
      t.protection!.claim(t.indexOf(cpu), page, want, false, who),
    beginWipe: (cpu: number, page: number, want: number) => t.protection!.beginWipe(t.indexOf(cpu), page, want),
    tagPage: (cpu: number, page: number, want: number, who: number) =>
      t.protection!.claim(t.indexOf(cpu), page, want, false, who),
    awaitRequesters: () => {
      const at = globalIndex(GLOBAL.requester);
      while (Atomics.load(t.i32, at) !== 0) {
        t.mailbox.serve(t.setup.cores);
        Atomics.wait(t.i32, at, 2, 0.05);
      }
    },
    keyRefresh: (_cpu: number, mecid: number) => t.protection?.renewKey(mecid),
    stopOthers: () => t.mailbox.stopOthers(t.setup.cores),
    resumeOthers: () => t.mailbox.resumeOthers(),
  };
  const imports: Record<string, Import> = {};
  for (const name of library.hostNames()) {
    if ((ENGINE_IMPORTS as readonly string[]).includes(name)) continue;
    const f = known[name];
    if (!f) throw new Error(`nothing provides the import ${name}`);
    imports[name] = f;
  }
  return imports;
}
