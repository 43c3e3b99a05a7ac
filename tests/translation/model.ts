/**
 * A model of address translation for the tests, written on its own from the manual's pseudocode, with big integers and no regard for
 * speed. It names things as the pseudocode does.
 */

import { type Context, s1Params, unprivileged } from './model-params.ts';
import {
  type Access,
  bit,
  bits,
  Failed,
  type Fault,
  type Machine,
  NS,
  num,
  REALM,
  type Regime,
  type Result,
  ROOT,
  S,
  type S1Params,
  type Tgx,
} from './model-types.ts';

export function translate(m: Machine, a: Access): Result | Fault {
  try {
    return new Walker(m, a).full();
  } catch (e) {
    if (e instanceof Failed) return e.fault;
    throw e;
  }
}

class Walker {
  private readonly m: Machine;
  private readonly a: Access;
  private readonly ss: number;
  private readonly el2Enabled: boolean;
  private readonly hcr: bigint;
  private readonly regime: Regime;
  /** Level whose permissions count. */
  private readonly accEl: number;
  private stage2 = false;
  private walking = false;
  private ipa: bigint | null = null;
  private ipaNs = false;

  constructor(m: Machine, a: Access) {
    this.m = m;
    this.a = a;
    const scr = m.reg('SCR_EL3');
    const lower = (bit(scr, 62) ? 2 : 0) | (bit(scr, 0) ? 1 : 0);
    this.ss = m.el === 3 ? (m.rme ? ROOT : S) : lower;
    this.el2Enabled = lower !== S || (m.features.has('SEL2') && bit(scr, 18));
    this.hcr = this.el2Enabled ? m.reg('HCR_EL2') : 0n;
    const e2h = bit(this.hcr, 34);
    const tge = bit(this.hcr, 27);
    if (m.el === 3) this.regime = 'EL3';
    else if (m.el === 2) this.regime = e2h ? 'EL20' : 'EL2';
    else this.regime = m.el === 0 && e2h && tge ? 'EL20' : 'EL10';
    let accEl = m.el;
    // AArch64.IsUnprivAccessPriv
    const loose = (m.el === 1 || (m.el === 2 && e2h && tge)) && !(m.uao && m.features.has('UAO'));
    if (a.unprivileged && loose) accEl = 0;
    this.accEl = accEl;
  }
  private has(f: string): boolean {
    return this.m.features.has(f);
  }
  private get context(): Context {
    return { m: this.m, regime: this.regime, el2Enabled: this.el2Enabled, va: this.a.va };
  }
  private get unprivRegime(): boolean {
    return unprivileged(this.context);
  }
  private fail(status: Fault['status'], level: number, o: { write?: boolean; dirty?: boolean } = {}): never {
    throw new Failed({
      status,
      level,
      write: o.write ?? (!this.a.read && this.a.write),
      stage2: this.stage2,
      s1ptw: this.stage2 && this.walking,
      dirty: o.dirty ?? false,
      ipa: this.stage2 ? this.ipa : null,
      ipaNs: this.stage2 && this.ipaNs,
    });
  }

  private maxTxSz(tgx: Tgx): number {
    return this.has('TTST') ? (tgx === 16 ? 47 : 48) : 39;
  }
  private outputSize(ps: number, tgx: Tgx): number {
    const wide = tgx === 16 ? this.has('LPA') : this.has('LPA2');
    return Math.min([32, 36, 40, 42, 44, 48, 52, 56][ps]!, wide ? 52 : 48, this.m.paMax);
  }

  full(): Result {
    const dcOrTge = bit(this.hcr, 12) || bit(this.hcr, 27);
    const on =
      this.regime === 'EL10'
        ? bit(this.m.reg('SCTLR_EL1'), 0) && !dcOrTge
        : bit(this.m.reg(this.regime === 'EL3' ? 'SCTLR_EL3' : 'SCTLR_EL2'), 0);
    const s1 = on ? this.s1() : this.s1Off();
    if (this.regime !== 'EL10' || !this.el2Enabled) return s1;
    const vm = bit(this.hcr, 0) || bit(this.hcr, 12);
    if (!vm) return s1;
    const s2 = this.s2(s1.pa, s1.pas, s1.device, false, false);
    const cachedAsDevice = s1.cachedAsDevice || s2.device;
    return { ...s1, pa: s2.pa, pas: s2.pas, perm: s1.perm & s2.perm, cachedAsDevice };
  }
  private aligned(): boolean {
    return this.a.va % BigInt(this.a.size) === 0n && !this.a.zero;
  }

  private s1Off(): Result {
    const { va, exec } = this.a;
    const dc = this.regime === 'EL10' && bit(this.hcr, 12);
    const p = s1Params(this.context);
    const top = p.tbid && exec ? 63 : p.tbi ? 55 : 63;
    if (bits(va, top, this.m.paMax) !== 0n) this.fail('addressSize', 0);
    const device = !dc && !exec;
    if (device && !this.aligned()) this.fail('alignment', 0);
    const pa = bits(va, 55, 0);
    return { pa, pas: this.ss, device, cachedAsDevice: false, guarded: false, perm: 7, s1size: 12, global: true };
  }

  private s1(): Result {
    const { a } = this;
    const p = s1Params(this.context);
    const { va } = a;
    const min = (p.tgx === 16 && this.has('LVA')) || p.ds ? 12 : 16;
    if (p.txsz < min || p.txsz > this.maxTxSz(p.tgx)) this.fail('translation', 0);
    const ia = 64 - p.txsz;
    const top = p.tbid && a.exec ? 63 : p.tbi ? 55 : 63;
    const upper = this.unprivRegime && bit(va, 55);
    const rest = bits(va, top, ia);
    if (upper ? rest !== (1n << BigInt(top - ia + 1)) - 1n : rest !== 0n) this.fail('translation', 0);
    if (this.accEl === 0 && p.e0pd) this.fail('translation', 0);
    if (p.epd) this.fail('translation', 0);

    for (;;) {
      const w = this.s1Walk(p, ia);
      const d = w.desc;
      const attr = num(bit(d, 59) && p.aie ? p.mair2 : p.mair, 8 * num(d, 4, 2) + 7, 8 * num(d, 4, 2));
      const device = (attr & 0xf0) === 0;
      if (device && !a.exec && !this.aligned()) this.fail('alignment', 0);
      const perms = this.s1Permissions(p, w);
      if (a.exec) {
        if (!perms.x) this.fail('permission', w.level);
      } else {
        if (a.read && !perms.r) this.fail('permission', w.level, { write: false });
        if (a.write && !perms.w) this.fail('permission', w.level, { write: true });
        if (a.write && !(p.ha && p.hd) && p.pie && bit(d, 7)) {
          this.fail('permission', w.level, { write: true, dirty: true });
        }
      }
      let next = d;
      if (p.ha) next |= 1n << 10n;
      const managed = p.ha && p.hd && (p.pie || bit(d, 51));
      if (managed && a.write) next &= ~0x80n;
      if (next !== d) {
        const at = this.s1DescriptorPa(w.at, w.pas, true, w.level);
        this.m.write64(at, next);
      }
      const writable = perms.w && !(bit(next, 7) && (managed || p.pie));
      const size = BigInt(w.shift);
      const pa = (w.base & ~((1n << size) - 1n)) | bits(va, w.shift - 1, 0);
      const nG = this.unprivRegime && ((this.ss === S && w.pas === NS) || bit(d, 11));
      return {
        pa,
        pas: w.outPas,
        device,
        cachedAsDevice: device,
        guarded: bit(d, 50),
        perm: (perms.r ? 1 : 0) | (writable ? 2 : 0) | (perms.x ? 4 : 0),
        s1size: w.shift,
        global: !nG,
      };
    }
  }

  /** Physical address of a stage 1 descriptor, through stage 2 where there is one. */
  private s1DescriptorPa(at: bigint, pas: number, write: boolean, level: number): bigint {
    const nested = this.regime === 'EL10' && this.el2Enabled && (bit(this.hcr, 0) || bit(this.hcr, 12));
    let pa = at;
    if (nested) pa = this.s2(at, pas, false, true, write).pa;
    if (this.m.read64(pa) === null) this.fail('walkAbort', level);
    return pa;
  }

  private s1Walk(p: S1Params, ia: number) {
    const { va } = this.a;
    const g = p.tgx;
    const stride = g - 3;
    const oa = this.outputSize(p.ps, g);
    let level = 3 - Math.floor((ia - 1 - g) / stride);
    let shift = (3 - level) * stride + g;
    const tsize = ia - shift + 3;
    let base: bigint;
    let align = tsize;
    if ((g === 16 && this.has('LPA') && p.ps === 6) || p.ds) {
      align = Math.max(tsize, 6);
      base = (bits(p.ttbr, 47, 6) << 6n) | (bits(p.ttbr, 5, 2) << 48n);
    } else base = bits(p.ttbr, 47, 1) << 1n;
    base = (base >> BigInt(align)) << BigInt(align);
    let at = base | (bits(va, ia - 1, shift) << 3n);
    if (at >> BigInt(oa)) this.fail('addressSize', 0);
    let pas = this.ss;
    let apTable = 0;
    let uxnTable = false;
    let pxnTable = false;
    for (;;) {
      const pa = this.s1DescriptorPa(at, pas, false, level);
      const d = this.m.read64(pa)!;
      if (!bit(d, 0)) this.fail('translation', level);
      if (bit(d, 1) && level < 3) {
        const table = this.tableBase(d, g, p.ds);
        const below = shift - stride;
        const next = table | (bits(va, below + stride - 1, below) << 3n);
        if (next >> BigInt(oa)) this.fail('addressSize', level);
        if (p.haft && !bit(d, 10)) {
          this.m.write64(this.s1DescriptorPa(at, pas, true, level), d | (1n << 10n));
        }
        if (!p.hpd && !p.pie) {
          apTable |= num(d, 62, 61);
          uxnTable ||= bit(d, 60);
          pxnTable ||= bit(d, 59);
        }
        if (pas === S) pas = bit(d, 63) ? NS : S;
        at = next;
        shift = below;
        level++;
        continue;
      }
      if (!bit(d, 1) && !this.blockAllowed(level, g, p.ds)) this.fail('translation', level);
      if (this.contiguousTooLarge(d, level, g, shift, ia)) this.fail('translation', level);
      let outPas: number;
      const ns = bit(d, 5) ? 1 : 0;
      if (pas === S) outPas = ns;
      else if (pas === ROOT) outPas = (bit(d, 11) ? 2 : 0) | ns;
      else if (pas === REALM && this.regime !== 'EL10') outPas = ns ? NS : REALM;
      else outPas = pas;
      const out = this.leafBase(d, g, p.ds);
      const full = ((out >> BigInt(shift)) << BigInt(shift)) | bits(va, shift - 1, 0);
      if (full >> BigInt(oa)) this.fail('addressSize', level);
      if (!bit(d, 10) && !p.ha) this.fail('accessFlag', level);
      return { desc: d, at, level, shift, base: out, pas, outPas, apTable, uxnTable, pxnTable };
    }
  }
  private blockAllowed(level: number, g: Tgx, ds: boolean): boolean {
    if (level === 3) return false;
    if (g === 12) return (level === 0 && ds) || level === 1 || level === 2;
    if (g === 14) return (level === 1 && ds) || level === 2;
    return (level === 1 && this.m.paMax >= 52) || level === 2;
  }
  private contiguousTooLarge(d: bigint, level: number, g: Tgx, shift: number, ia: number): boolean {
    if (!bit(d, 52)) return false;
    if ((g === 16 && level === 1) || (g === 14 && level <= 1) || (g === 12 && level === 0) || level < 0) return false;
    const more = g === 12 ? 4 : g === 16 ? 5 : level === 3 ? 7 : 5;
    return shift + more > ia;
  }
  private tableBase(d: bigint, g: Tgx, ds: boolean): bigint {
    const base = bits(d, 47, g) << BigInt(g);
    return base | this.highBits(d, g, ds);
  }
  private leafBase(d: bigint, g: Tgx, ds: boolean): bigint {
    return ((bits(d, 47, 12) << 12n) & (-1n << BigInt(g))) | this.highBits(d, g, ds);
  }
  private highBits(d: bigint, g: Tgx, ds: boolean): bigint {
    if (g === 16 && this.has('LPA')) return bits(d, 15, 12) << 48n;
    if (ds) return (bits(d, 9, 8) << 50n) | (bits(d, 49, 48) << 48n);
    return 0n;
  }

  private s1Permissions(
    p: S1Params,
    w: { desc: bigint; outPas: number; apTable: number; uxnTable: boolean; pxnTable: boolean },
  ): { r: boolean; w: boolean; x: boolean } {
    const d = w.desc;
    let pr: boolean;
    let pw: boolean;
    let px: boolean;
    let ur = false;
    let uw = false;
    let ux = false;
    let pwxn = false;
    let uwxn = false;
    const pan = this.m.pan && this.has('PAN');
    if (p.pie) {
      const index = (num(d, 54, 53) << 2) | (num(d, 51, 51) << 1) | num(d, 6, 6);
      const ppi = num(p.pir, 4 * index + 3, 4 * index);
      const rights = ['', 'r', 'x', 'rx', '', 'rw', 'rwx', 'rwx', 'r', 'rg', 'rx', '', 'rw', '', 'rwx', ''];
      const pp = rights[ppi]!;
      [pr, pw, px] = [pp.includes('r'), pp.includes('w'), pp.includes('x')];
      pwxn = ppi === 6;
      if (this.unprivRegime) {
        const upi = num(p.pire0, 4 * index + 3, 4 * index);
        const uu = rights[upi]!;
        [ur, uw, ux] = [uu.includes('r'), uu.includes('w'), uu.includes('x')];
        uwxn = upi === 6;
        if ((px || pp.includes('g')) && (uw || uu.includes('g'))) pr = pw = px = ur = uw = ux = false;
        if (pan && upi !== 0) pr = pw = false;
      }
    } else if (this.unprivRegime) {
      let ap = num(d, 7, 6);
      if (p.ha && p.hd && bit(d, 51)) ap &= 1;
      [pr, pw, ur, uw] = (
        [
          [true, true, false, false],
          [true, true, true, true],
          [true, false, false, false],
          [true, false, true, false],
        ] as const
      )[ap]!;
      if (w.apTable & 1) ur = uw = false;
      if (w.apTable & 2) pw = uw = false;
      px = !(bit(d, 53) || w.pxnTable || uw);
      ux = !(bit(d, 54) || w.uxnTable);
      if (pan && (ur || uw || (p.epan && ux))) pr = pw = false;
      pwxn = p.wxn;
      uwxn = p.wxn;
    } else {
      let ap2 = bit(d, 7);
      if (p.ha && p.hd && bit(d, 51)) ap2 = false;
      pr = true;
      pw = !ap2 && !(w.apTable & 2);
      px = !(bit(d, 54) || w.uxnTable);
      pwxn = p.wxn;
    }
    let [r, wr, x, wxn] = this.accEl === 0 ? [ur, uw, ux, uwxn] : [pr, pw, px, pwxn];
    if (!p.pie) wxn = wxn && wr && x;
    const { ss } = this;
    if (ss === S && w.outPas === NS && bit(this.m.reg('SCR_EL3'), 9)) x = false;
    if (ss === ROOT && w.outPas !== ROOT) x = false;
    if (ss === REALM && this.regime !== 'EL10' && w.outPas !== REALM) x = false;
    if (wxn) x = false;
    return { r, w: wr, x };
  }

  // Stage 2.
  private s2(ipa: bigint, space: number, s1Device: boolean, walking: boolean, update: boolean) {
    const before = { stage2: this.stage2, walking: this.walking, ipa: this.ipa, ipaNs: this.ipaNs };
    this.stage2 = true;
    this.walking = walking;
    this.ipa = ipa;
    this.ipaNs = this.ss === S && space === NS;
    const r = this.s2Inner(ipa, space, s1Device, walking, update);
    Object.assign(this, before);
    return r;
  }
  private s2Inner(ipa: bigint, space: number, s1Device: boolean, walking: boolean, update: boolean) {
    const { m, a, ss } = this;
    const vtcr = m.reg('VTCR_EL2');
    const vstcr = m.reg('VSTCR_EL2');
    const own = ss === S && space === S;
    const tcr = own ? vstcr : vtcr;
    const ttbr = m.reg(own ? 'VSTTBR_EL2' : 'VTTBR_EL2');
    const tgs: readonly Tgx[] = [12, 16, 14, 12];
    const g = tgs[num(tcr, 15, 14)]!;
    const txsz = num(tcr, 5, 0);
    const sl0 = num(tcr, 7, 6);
    const ds = g !== 16 && this.has('LPA2') && bit(vtcr, 32);
    const sl2 = g === 12 && this.has('LPA2') && bit(tcr, 33) && bit(vtcr, 32);
    const ha = (this.has('HAFDBS') || this.has('HAF')) && bit(vtcr, 21);
    const hd = this.has('HAFDBS') && bit(vtcr, 22);
    const haft = this.has('HAFT') && ha && bit(vtcr, 44);
    const s2pie = this.has('S2PIE') && bit(vtcr, 36);
    const fwb = this.has('S2FWB') && bit(this.hcr, 46);
    const ptw = !bit(this.hcr, 27) && bit(this.hcr, 2);
    const ips = g !== 16 && !ds ? Math.min(48, m.paMax) : Math.min(52, m.paMax);
    if (txsz < 64 - ips || txsz > this.maxTxSz(g)) this.fail('translation', 0);
    let level: number;
    let invalid = false;
    if (g === 12) {
      const code = (sl2 ? 4 : 0) | sl0;
      level = [2, 1, 0, 3, -1, 0, 0, 0][code]!;
      invalid = code > 4 || (code === 2 && m.paMax < 44) || (code === 3 && !this.has('TTST'));
    } else {
      level = 3 - sl0;
      if (g === 14) invalid = (sl0 === 3 && !ds) || (sl0 === 2 && m.paMax < 42);
      else invalid = sl0 === 3 || (sl0 === 2 && m.paMax < 44);
    }
    if (invalid) this.fail('translation', 0);
    const stride = g - 3;
    let shift = (3 - level) * stride + g;
    const ia = 64 - txsz;
    const least = shift + 1;
    if (ia < least || ia > least + (stride - 1) + 4) this.fail('translation', 0);
    if (ipa >> BigInt(ia)) this.fail('translation', 0);
    const ps = num(vtcr, 18, 16);
    const oa = this.outputSize(ps, g);
    const tsize = ia - shift + 3;
    let base: bigint;
    let align = tsize;
    if ((g === 16 && this.has('LPA') && ps === 6) || ds) {
      align = Math.max(tsize, 6);
      base = (bits(ttbr, 47, 6) << 6n) | (bits(ttbr, 5, 2) << 48n);
    } else base = bits(ttbr, 47, 1) << 1n;
    base = (base >> BigInt(align)) << BigInt(align);
    let at = base | (bits(ipa, ia - 1, shift) << 3n);
    if (at >> BigInt(oa)) this.fail('addressSize', 0);
    let d: bigint;
    for (;;) {
      const v = m.read64(at);
      if (v === null) this.fail('walkAbort', level);
      d = v;
      if (!bit(d, 0)) this.fail('translation', level);
      if (bit(d, 1) && level < 3) {
        const below = shift - stride;
        const next = this.tableBase(d, g, ds) | (bits(ipa, below + stride - 1, below) << 3n);
        if (next >> BigInt(oa)) this.fail('addressSize', level);
        if (haft && !bit(d, 10)) m.write64(at, d | (1n << 10n));
        at = next;
        shift = below;
        level++;
        continue;
      }
      if (!bit(d, 1) && !this.blockAllowed(level, g, ds)) this.fail('translation', level);
      break;
    }
    if (this.contiguousTooLarge(d, level, g, shift, ia)) this.fail('translation', level);
    const out = this.leafBase(d, g, ds);
    const pa = ((out >> BigInt(shift)) << BigInt(shift)) | bits(ipa, shift - 1, 0);
    if (pa >> BigInt(oa)) this.fail('addressSize', level);
    if (!bit(d, 10) && !ha) this.fail('accessFlag', level);
    let pas: number = NS;
    if (ss === S) {
      const [sw, sa, nsw, nsa] = [bit(vstcr, 29), bit(vstcr, 30), bit(vtcr, 29), bit(vtcr, 30)];
      if (space === S) pas = sw || sa ? NS : S;
      else pas = sw || sa || nsw || nsa ? NS : S;
    } else if (ss === REALM) pas = bit(d, 55) ? NS : REALM;
    const attr = num(d, 5, 2);
    let device = attr >> 2 === 0;
    if (fwb) {
      if (!(attr & 4)) device = true;
      else if ((attr & 3) === 3) device = s1Device;
      else if ((attr & 3) === 2) device = false;
      else device = s1Device;
    }
    if (!walking && device && !a.exec && !this.aligned()) this.fail('alignment', 0);
    let r: boolean;
    let w: boolean;
    let x: boolean;
    let wMmu: boolean;
    if (s2pie) {
      const index = (num(d, 54, 53) << 2) | (num(d, 51, 51) << 1) | num(d, 6, 6);
      const pi = num(m.reg('S2PIR_EL2'), 4 * index + 3, 4 * index);
      // Read, write, privileged execute, unprivileged execute, write of walks.
      const table = ['', '', 'rm', 'rm', 'w', '', 'rm', 'rm', 'r', 'ru', 'rp', 'rpu', 'rwm', 'rwum', 'rwpm', 'rwpum'][
        pi
      ]!;
      r = table.includes('r');
      w = table.includes('w');
      x = table.includes(this.accEl === 0 ? 'u' : 'p');
      wMmu = table.includes('m');
    } else {
      r = bit(d, 6);
      w = bit(d, 7) || (ha && hd && bit(d, 51));
      wMmu = w;
      const xn = (bit(d, 54) ? 2 : 0) | (this.has('XNX') && bit(d, 53) ? 1 : 0);
      const [px, ux] = (
        [
          [true, true],
          [false, true],
          [false, false],
          [true, false],
        ] as const
      )[xn]!;
      x = this.accEl === 0 ? ux : px;
    }
    const foreign = ss === REALM && pas !== REALM;
    const clean = s2pie && !(ha && hd) && !bit(d, 7);
    if (walking) {
      if ((ptw && device) || foreign || !r || (update && !wMmu)) this.fail('permission', level);
      if (update && clean) this.fail('permission', level, { dirty: true });
    } else if (a.exec) {
      if (foreign || !x) this.fail('permission', level);
    } else {
      if (a.read && !r) this.fail('permission', level, { write: false });
      if (a.write && !w) this.fail('permission', level, { write: true });
      if (a.write && clean) this.fail('permission', level, { write: true, dirty: true });
    }
    let next = d;
    if (ha) next |= 1n << 10n;
    const managed = ha && hd && (s2pie || bit(d, 51));
    if (managed && (walking ? update : a.write)) next |= 0x80n;
    if (next !== d) m.write64(at, next);
    const writable = w && (bit(next, 7) || !(managed || s2pie));
    const perm = (r ? 1 : 0) | (writable ? 2 : 0) | (x && !foreign ? 4 : 0);
    return { pa, pas, device, perm };
  }
}
