/** Breakpoint and watchpoint registers (D2.8, D2.9): which addresses match in the present state. */
import { call, iff, ret, run, store, unlikely } from '../../wasm/build.ts';
import { Library, type Link } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { BREAKPOINTS, CONTEXT_BREAKPOINT, WATCHPOINTS } from '../registers/table/debug.ts';
import * as state from '../state.ts';
import { OP, TLBI } from '../translation/tlbi.ts';
import { FAULT_KIND, FSC, ISS } from './fault-kinds.ts';
import { HCR, MDSCR, SECURITY_STATE } from './fields.ts';
import { bit64, currentEl, el2Enabled, hcr, hostEl0, reg, reg32, setWord, word } from './view.ts';

export const breakpoints = new Library();

/** DBGBCR<n>_EL1, DBGWCR<n>_EL1. */
const CR = { E: 0, PAC: 1, LSC: 3, BAS: 5, HMC: 13, SSC: 14, LBN: 16, BT: 20, WT: 20, MASK: 24, SSCE: 29 } as const;

/** Addresses are compared without a tag: bits [63:56] count as bit 55. */
const plain = (va: Val): Val => va.shl(8).shrS(8);

function anyEnabled(cpu: Val, kind: 'B' | 'W', count: number): Val {
  let any: Val = i32(0);
  for (let n = 0; n < count; n++) any = any.or(reg32(cpu, `DBG${kind}CR${n}_EL1`));
  return any.and(1);
}
/** i32 0/1: breakpoint `cr` is enabled, and unlinked matches a context: at any address. */
function unlinkedContext(cr: Val): Val {
  const bt = cr.bits(CR.BT, 4);
  return cr.and(1).and(bt.geU(2)).and(bt.and(1).xor(1));
}
/** i32 0/1: some breakpoint may match at any address, so each instruction has to be looked at. */
breakpoints.define('contextBreakpoints', [I32], I32, (_link, cpu) => {
  let any: Val = i32(0);
  for (let n = CONTEXT_BREAKPOINT; n < BREAKPOINTS; n++) any = any.or(unlinkedContext(reg32(cpu!, `DBGBCR${n}_EL1`)));
  ret(any);
});
/** Records at this offset in any page ask `breakpointDue` from now on: (cpu, address). */
breakpoints.host('breakAt', [I32, I32], null);

/** (control register, level of the access) → 0/1: privilege and security state match (AArch64.StateMatch). */
breakpoints.define('debugStateMatch', [I32, I32, I32], I32, (_link, c, v, el) => {
  const [cpu, cr] = [c!, v!];
  const hmc = cr.bits(CR.HMC, 1);
  const ssc = cr.bits(CR.SSC, 2);
  const pxc = cr.bits(CR.PAC, 2);
  const at2 = hmc.and(ssc.shl(2).or(pxc).ne(8)).or(ssc.eq(3));
  const at3 = hmc.and(ssc.and(1).xor(1));
  const at01 = select(el!, pxc, pxc.shrU(1)).and(1);
  const privilege = select(el!.ltU(2), at01, select(el!.eq(2), at2, at3));
  const security = word(cpu, state.SECURITY);
  const is = (s: number): Val => security.eq(s);
  const root = is(SECURITY_STATE.root);
  const secure = is(SECURITY_STATE.secure);
  const byState = select(
    ssc.and(2),
    secure.or(hmc.and(root.xor(ssc.and(1)))),
    select(ssc, is(SECURITY_STATE.nonSecure), hmc.or(root.xor(1))),
  );
  const realm = ssc.eq(1).and(is(SECURITY_STATE.realm));
  ret(privilege.and(select(cr.bits(CR.SSCE, 1), realm, byState)));
});

/** (n) → 0/1: breakpoint `n` matches the context: CONTEXTIDR, VMID or both (AArch64.BreakpointValueMatch). */
breakpoints.define('contextMatch', [I32, I32], I32, (_link, c, which) => {
  const cpu = c!;
  const h = hcr(cpu);
  const el = currentEl(cpu);
  const host = select(el.eqz(), hostEl0(h), el.eq(2).and(bit64(h, HCR.E2H)));
  const guest = el.ltU(2).and(host.xor(1));
  const cid1 = reg32(cpu, 'CONTEXTIDR_EL1');
  const cid2 = reg32(cpu, 'CONTEXTIDR_EL2');
  const wide = reg32(cpu, 'VTCR_EL2').bits(19, 1);
  const vmidMask = select(wide, i32(0xffff), i32(0xff));
  const vmid = reg(cpu, 'VTTBR_EL2').shrU(48).lo32().and(vmidMask);
  for (let n = CONTEXT_BREAKPOINT; n < BREAKPOINTS; n++) {
    iff(which!.eq(n), () => {
      const cr = reg32(cpu, `DBGBCR${n}_EL1`);
      const vr = reg(cpu, `DBGBVR${n}_EL1`);
      const [low, high] = [vr.lo32(), vr.shrU(32).lo32()];
      // Types come in pairs: unlinked, linked.
      const type = cr.bits(CR.BT, 4).or(1);
      const byId = select(host, cid2, cid1).eq(low).and(host.or(guest));
      const byId1 = guest.and(cid1.eq(low));
      const byVmid = guest.and(el2Enabled(cpu)).and(vmid.eq(high.and(vmidMask)));
      const byId2 = el.ne(3).and(el2Enabled(cpu)).and(cid2.eq(high));
      const is = (v: number): Val => type.eq(v);
      const any = is(3)
        .and(byId)
        .or(is(7).and(byId1))
        .or(is(9).and(byVmid))
        .or(is(11).and(byId1).and(byVmid))
        .or(is(13).and(byId2))
        .or(is(15).and(byId1).and(byId2));
      ret(cr.and(1).and(any));
    });
  }
  ret(i32(0));
});

/** A linked register also wants its context; `linked` is the condition, `cr` names the breakpoint, which must be a linked one. */
function linkOk(link: Link, cpu: Val, cr: Val, linked: Val): Val {
  return linked.eqz().or(call(link('linkedMatch'), cpu, cr.bits(CR.LBN, 4)));
}
breakpoints.define('linkedMatch', [I32, I32], I32, (link, cpu, which) => {
  for (let n = CONTEXT_BREAKPOINT; n < BREAKPOINTS; n++) {
    const linked = reg32(cpu!, `DBGBCR${n}_EL1`).bits(CR.BT, 1);
    iff(which!.eq(n).and(linked), () => ret(call(link('contextMatch'), cpu!, which!)));
  }
  ret(i32(0));
});

/** (PC) → 0/1: some breakpoint matches (AArch64.CheckBreakpoint). */
breakpoints.define('breakpointMatch', [I32, I64], I32, (link, c, p) => {
  const cpu = c!;
  const pc = plain(p!);
  for (let n = 0; n < BREAKPOINTS; n++) {
    const cr = reg32(cpu, `DBGBCR${n}_EL1`);
    const bt = cr.bits(CR.BT, 4);
    // Address match, linked or not.
    const here = plain(reg(cpu, `DBGBVR${n}_EL1`))
      .and(~3n)
      .eq(pc);
    unlikely(cr.and(1).and(bt.ltU(2)).and(here), () => {
      const ok = call(link('debugStateMatch'), cpu, cr, currentEl(cpu)).and(linkOk(link, cpu, cr, bt.and(1)));
      iff(ok, () => ret(i32(1)));
    });
    if (n < CONTEXT_BREAKPOINT) continue;
    unlikely(unlinkedContext(cr), () => {
      const ok = call(link('debugStateMatch'), cpu, cr, currentEl(cpu)).and(call(link('contextMatch'), cpu, i32(n)));
      iff(ok, () => ret(i32(1)));
    });
  }
  ret(i32(0));
});
/** (address of an instruction) → 0/1: it takes a breakpoint exception, which is left in FAULT. */
breakpoints.define('breakpointDue', [I32, I64], I32, (link, c, pc) => {
  const cpu = c!;
  iff(reg32(cpu, 'MDSCR_EL1').bits(MDSCR.MDE, 1).eqz(), () => ret(i32(0)));
  iff(call(link('debugEnabled'), cpu).eqz(), () => ret(i32(0)));
  iff(call(link('breakpointMatch'), cpu, pc!).eqz(), () => ret(i32(0)));
  setWord(cpu, state.FAULT, FAULT_KIND.breakpoint);
  setWord(cpu, state.FAULT_ISS, FSC.debug);
  store('i64', cpu, pc!, state.FAULT_ADDR);
  ret(i32(1));
});

/** First byte and length of what watchpoint `n` watches. */
function watched(cpu: Val, n: number, cr: Val): { from: Val; bytes: Val } {
  const vr = plain(reg(cpu, `DBGWVR${n}_EL1`));
  const mask = cr.bits(CR.MASK, 5);
  const bas = cr.bits(CR.BAS, 8);
  const word32 = vr.lo32().bits(2, 1);
  const bytes = select(word32, bas.and(15), bas);
  const from = vr.and(~3n).add(bytes.ctz().zext64());
  const span = i64(1).shl(mask.zext64());
  return {
    from: select(mask, vr.and(span.sub(1).not()), from),
    bytes: select(mask, span, bytes.popcnt().zext64()),
  };
}
/** i32 0/1: [a, a + n) and what is watched have a byte in common. */
function overlaps(a: Val, n: Val, w: { from: Val; bytes: Val }): Val {
  return a
    .sub(w.from)
    .ltU(w.bytes)
    .or(w.from.sub(a).ltU(n).and(w.bytes.ne(0)));
}

/**
 * A data access while WATCH_ACTIVE is set: (va, bytes, kind: bit 0 writes, bit 1 reads besides, bit 2 unprivileged). Leaves the
 * fault in FAULT and yields 1 when a watchpoint matches (AArch64.CheckWatchpoint).
 */
breakpoints.define('watchpointCheck', [I32, I64, I32, I32], I32, (link, c, v, size, k) => {
  const [cpu, kind] = [c!, k!];
  const va = plain(v!);
  const write = kind.and(1);
  const read = write.xor(1).or(kind.shrU(1).and(1));
  const el = select(kind.and(4), i32(0), currentEl(cpu));
  const yes = (wnr: Val): void => {
    setWord(cpu, state.FAULT, FAULT_KIND.watchpoint);
    setWord(cpu, state.FAULT_ISS, select(wnr, i32(FSC.debug | ISS.wnr), i32(FSC.debug)));
    store('i64', cpu, v!, state.FAULT_ADDR);
    ret(i32(1));
  };
  for (let n = 0; n < WATCHPOINTS; n++) {
    const cr = reg32(cpu, `DBGWCR${n}_EL1`);
    unlikely(cr.and(1).and(overlaps(va, size!.zext64(), watched(cpu, n, cr))), () => {
      const loads = cr.bits(CR.LSC, 1).and(read);
      const stores = cr.bits(CR.LSC + 1, 1).and(write);
      iff(loads.or(stores).and(call(link('debugEnabled'), cpu)), () => {
        const ok = call(link('debugStateMatch'), cpu, cr, el).and(linkOk(link, cpu, cr, cr.bits(CR.WT, 1)));
        iff(ok, () => yes(loads.xor(1)));
      });
    });
  }
  ret(i32(0));
});
/** (va) → 0/1: its page of 4 KiB holds a watched byte, so accesses to it have to be looked at one by one. */
breakpoints.define('watchpointPage', [I32, I64], I32, (_link, c, v) => {
  const cpu = c!;
  const page = plain(v!).and(~0xfffn);
  let any: Val = i32(0);
  for (let n = 0; n < WATCHPOINTS; n++) {
    const cr = reg32(cpu, `DBGWCR${n}_EL1`);
    any = any.or(cr.and(1).and(overlaps(page, i64(4096), watched(cpu, n, cr))));
  }
  ret(any);
});

/** Forgets all translations of this core. */
function dropTlb(link: Link, cpu: Val): void {
  for (let regime = 0; regime < 4; regime++) {
    for (let security = 0; security < 4; security++) {
      const op = TLBI.all | (regime << OP.regimeShift) | (security << OP.ssShift);
      run(link('tlbiLocal'), cpu, i32(op), i64(0));
    }
  }
}

/** After a write to MDSCR_EL1, OSLAR_EL1 or a breakpoint or watchpoint register. */
breakpoints.define('debugRegistersChanged', [I32], null, (link, c) => {
  const cpu = c!;
  const now = reg32(cpu, 'MDSCR_EL1')
    .bits(MDSCR.MDE, 1)
    .and(anyEnabled(cpu, 'W', WATCHPOINTS));
  // What a page of the TLB may hold depends on the watchpoints.
  unlikely(now.or(word(cpu, state.WATCH_ACTIVE)), () => dropTlb(link, cpu));
  setWord(cpu, state.WATCH_ACTIVE, now);
  for (let n = 0; n < BREAKPOINTS; n++) {
    const cr = reg32(cpu, `DBGBCR${n}_EL1`);
    iff(cr.and(1).and(cr.bits(CR.BT, 4).ltU(2)), () => run(link('breakAt'), cpu, reg32(cpu, `DBGBVR${n}_EL1`)));
  }
  run(link('contextChanged'), cpu);
});
