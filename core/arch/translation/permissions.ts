/** What stage 1 lets an access do (AArch64.S1DirectBasePermissions, AArch64.S1IndirectBasePermissions). */
import { iff, unlikely, type Var, variable } from '../../wasm/build.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';
import { reg, reg32 } from '../exceptions/view.ts';
import { PERM } from '../state.ts';
import type { TranslationFeatures } from './features.ts';
import { CTX, PAS, REGIME } from './fields.ts';
import type { Regime } from './regimes.ts';

/** Fields of SCTLR_ELx and SCR_EL3 that matter here. */
const WXN = 19;
const EPAN_HIGH = 57 - 32;
const SIF = 9;

export interface Leaf {
  readonly desc: Val;
  /** Hierarchical attributes of the tables above: bits [63:59] of their descriptors, OR-ed; 0 when they do not count. */
  readonly tables: Val;
  /** i32 0/1: the hardware manages the dirty state (HA and HD). */
  readonly hd: Val;
  readonly ctx: Val;
  /** PA space of the output. */
  readonly pas: Val;
  /** i32 0/1: permission indirection is enabled; null where it can't be. */
  readonly pie: Val | null;
}
export interface Permissions {
  /** PERM bits. */
  readonly perm: Val;
  /** i32 0/1: PSTATE.PAN makes a difference. */
  readonly panMatters: Val;
}

const bit = (v: Val, n: number): Val => (n === 0 ? v : v.shrU(n)).and(1);
const rwx = (r: Val, w: Val, x: Val): Val => r.or(w.shl(1)).or(x.shl(2));
const not = (v: Val): Val => v.xor(1);

/** AP, UXN, PXN, XN and the tables' limits. */
function direct(cpu: Val, r: Regime, f: TranslationFeatures, leaf: Leaf, out: Var, panMatters: Var): void {
  const high = leaf.desc.shrU(32).lo32();
  const low = leaf.desc.lo32();
  const t = leaf.tables;
  // FEAT_HAFDBS: with DBM the descriptor is writable, AP[2] says whether it is clean.
  const clean = bit(low, 7).and(not(leaf.hd.and(bit(high, 51 - 32))));
  const readOnly = clean.or(bit(t, 3));
  const writable = not(readOnly);
  const sctlr = reg32(cpu, r.sctlr);
  if (!r.ranges) {
    const x = not(bit(high, 54 - 32).or(bit(t, 1)));
    const wxn = bit(sctlr, WXN).and(writable);
    out.set(rwx(i32(1), writable, x.and(not(wxn))));
    return;
  }
  const ur = bit(low, 6).and(not(bit(t, 2)));
  const uw = ur.and(writable);
  const ux = not(bit(high, 54 - 32).or(bit(t, 1)));
  const px = not(
    bit(high, 53 - 32)
      .or(bit(t, 0))
      .or(uw),
  );
  iff(
    leaf.ctx.and(CTX.el0),
    () => out.set(rwx(ur, uw, ux)),
    () => {
      let user = ur;
      if (f.has('PAN3')) user = ur.or(bit(reg(cpu, r.sctlr).shrU(32).lo32(), EPAN_HIGH).and(ux));
      panMatters.set(user);
      const allowed = leaf.ctx.and(CTX.pan).ne(0).and(user).xor(1);
      out.set(rwx(allowed, writable.and(allowed), px));
    },
  );
  unlikely(bit(sctlr, WXN), () => {
    const perm = out.get();
    out.set(perm.and(not(perm.shrU(1).and(1)).shl(2).or(~PERM.exec)));
  });
}

/** Bit n: does the indirect permission n include it? (the encodings of PIR_ELx) */
const mask = (...codes: number[]): number => codes.reduce((m, c) => m | (1 << c), 0);
const PI_READ = mask(1, 3, 5, 6, 7, 8, 9, 10, 12, 14);
const PI_WRITE = mask(5, 6, 7, 12, 14);
const PI_EXEC = mask(2, 3, 6, 7, 10, 14);
const PI_GCS = mask(9);
const PI_WXN = 6;

function indirect(cpu: Val, r: Regime, leaf: Leaf, out: Var, panMatters: Var): void {
  const high = leaf.desc.shrU(32).lo32();
  const index = high
    .shrU(53 - 32)
    .and(3)
    .shl(2)
    .or(bit(high, 51 - 32).shl(1))
    .or(bit(leaf.desc.lo32(), 6));
  const of = (name: string): Val => reg(cpu, name).shrU(index.shl(2).zext64()).lo32().and(15);
  const has = (set: number, code: Val): Val => i32(set).shrU(code).and(1);
  const p = of(r.pir);
  const perm = (code: Val): Val => {
    const x = has(PI_EXEC, code).and(code.ne(PI_WXN));
    return rwx(has(PI_READ, code), has(PI_WRITE, code), x);
  };
  if (!r.ranges) {
    out.set(perm(p));
    return;
  }
  const u = of(r.pire0);
  // What EL0 may write and the privileged level execute is nobody's.
  const clash = has(PI_EXEC | PI_GCS, p).and(has(PI_WRITE | PI_GCS, u));
  iff(
    leaf.ctx.and(CTX.el0),
    () => out.set(perm(u)),
    () => {
      panMatters.set(u.ne(0));
      const closed = leaf.ctx.and(CTX.pan).ne(0).and(u.ne(0));
      out.set(perm(p).and(select(closed, i32(~(PERM.read | PERM.write)), i32(-1))));
    },
  );
  iff(clash, () => out.set(0));
}

export function stage1Permissions(cpu: Val, r: Regime, f: TranslationFeatures, leaf: Leaf): Permissions {
  const out = variable(I32);
  const panMatters = variable(I32, 0);
  if (leaf.pie) {
    iff(
      leaf.pie,
      () => indirect(cpu, r, leaf, out, panMatters),
      () => direct(cpu, r, f, leaf, out, panMatters),
      true,
    );
  } else direct(cpu, r, f, leaf, out, panMatters);
  // Fetches from another PA space than the regime's own.
  const own = leaf.ctx.shrU(CTX.ssShift).and(3);
  unlikely(own.ne(leaf.pas), () => {
    const sif = bit(reg32(cpu, 'SCR_EL3'), SIF);
    const secure = own.eq(PAS.secure).and(sif);
    const root = own.eq(PAS.root);
    const realm = r.id === REGIME.el20 || r.id === REGIME.el2 ? own.eq(PAS.realm) : i32(0);
    iff(secure.or(root).or(realm), () => out.set(out.get().and(~PERM.exec)));
  });
  return { perm: out.get(), panMatters: panMatters.get() };
}
