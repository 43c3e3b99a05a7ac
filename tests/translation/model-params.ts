/** The model's parameters of stage 1 walks (AArch64.GetS1TTWParams). */
import { bit, type Machine, num, type Regime, type S1Params, type Tgx } from './model-types.ts';

export interface Context {
  readonly m: Machine;
  readonly regime: Regime;
  readonly el2Enabled: boolean;
  readonly va: bigint;
}
export const unprivileged = (c: { readonly regime: Regime }): boolean => c.regime === 'EL10' || c.regime === 'EL20';

/** TCR2_ELx where it is enabled. */
function tcr2(c: Context): bigint {
  if (c.regime === 'EL3' || !c.m.features.has('TCR2')) return 0n;
  const scr = c.m.reg('SCR_EL3');
  if (!bit(scr, 43)) return 0n;
  if (c.regime === 'EL10') {
    const hcrxOn = bit(scr, 38) && bit(c.m.reg('HCRX_EL2'), 14);
    if (c.el2Enabled && !hcrxOn) return 0n;
    return c.m.reg('TCR2_EL1');
  }
  return c.m.reg('TCR2_EL2');
}
export function s1Params(c: Context): S1Params {
  const n = c.regime === 'EL10' ? 1 : c.regime === 'EL3' ? 3 : 2;
  const r = (name: string): bigint => c.m.reg(`${name}_EL${n}`);
  const tcr = r('TCR');
  const sctlr = r('SCTLR');
  const upper = unprivileged(c) && bit(c.va, 55);
  const up = upper ? 1 : 0;
  const tg0: readonly Tgx[] = [12, 16, 14, 12];
  const tg1: readonly Tgx[] = [12, 14, 12, 16];
  const tgx = upper ? tg1[num(tcr, 31, 30)]! : tg0[num(tcr, 15, 14)]!;
  const t2 = tcr2(c);
  const el3 = c.regime === 'EL3';
  const pie = c.m.features.has('S1PIE') && (el3 ? bit(tcr, 35) : bit(t2, 1));
  const common = {
    tgx,
    txsz: upper ? num(tcr, 21, 16) : num(tcr, 5, 0),
    wxn: bit(sctlr, 19),
    mair: r('MAIR'),
    mair2: c.m.features.has('AIE') ? r('MAIR2') : 0n,
    pir: r('PIR'),
    pie,
    aie: c.m.features.has('AIE') && (el3 ? bit(tcr, 37) : bit(t2, 4)),
    ttbr: upper ? r('TTBR1') : r('TTBR0'),
  };
  const ds = tgx !== 16 && c.m.features.has('LPA2');
  const hafdbs = c.m.features.has('HAFDBS');
  if (unprivileged(c)) {
    const ha = (hafdbs || c.m.features.has('HAF')) && bit(tcr, 39);
    return {
      ...common,
      tbi: bit(tcr, 37 + up),
      tbid: c.m.features.has('PAuth') && bit(tcr, 51 + up),
      epd: bit(tcr, upper ? 23 : 7),
      e0pd: c.m.features.has('E0PD') && bit(tcr, 55 + up),
      hpd: c.m.features.has('HPDS') && bit(tcr, 41 + up),
      ps: num(tcr, 34, 32),
      ha,
      hd: hafdbs && bit(tcr, 40),
      haft: c.m.features.has('HAFT') && ha && bit(t2, 11),
      ds: ds && bit(tcr, 59),
      epan: c.m.features.has('PAN3') && bit(sctlr, 57),
      pire0: r('PIRE0'),
    };
  }
  const ha = (hafdbs || c.m.features.has('HAF')) && bit(tcr, 21);
  return {
    ...common,
    tbi: bit(tcr, 20),
    tbid: c.m.features.has('PAuth') && bit(tcr, 29),
    epd: false,
    e0pd: false,
    hpd: c.m.features.has('HPDS') && bit(tcr, 24),
    ps: num(tcr, 18, 16),
    ha,
    hd: hafdbs && bit(tcr, 22),
    haft: c.m.features.has('HAFT') && ha && (el3 ? bit(tcr, 42) : bit(t2, 11)),
    ds: ds && bit(tcr, 32),
    epan: false,
    pire0: 0n,
  };
}
