import { describe, expect, test } from 'vitest';
import { nextStreamEvent, ticksAt, timerOutputs } from '../../core/arch/registers/timer-lines.ts';
import { TIMERS } from '../../core/arch/registers/timers.ts';
import { RegisterCore } from './support.ts';

const E2H = 1n << 34n;
const TGE = 1n << 27n;
const core = new RegisterCore('max', { 'x-rme': true });
/** NS, ECVEn. */
const SCR = 0x430n | 1n | (1n << 28n);
const NUMBER = Object.fromEntries(TIMERS.map((t, n) => [t.name, n])) as Record<string, number>;

function world(el: number, security = 1, regs: Record<string, bigint> = {}): void {
  core.reset();
  core.setReg('SCR_EL3', SCR);
  core.setReg('CNTHCTL_EL2', 0xf03n);
  core.setReg('CNTKCTL_EL1', 0x303n);
  for (const [name, v] of Object.entries(regs)) core.setReg(name, v);
  core.enter(el, security);
}
function read(name: string): bigint {
  const r = core.mrs(name);
  if (r.kind !== 'done') throw new Error(`${name}: ${JSON.stringify(r)}`);
  return r.value;
}
const outputs = (): string => {
  const { asserted } = timerOutputs(core.view, core.cpu, Number(ticksAt(core.view, core.cpu, core.nanoseconds)));
  return TIMERS.filter((_t, n) => asserted & (1 << n))
    .map((t) => t.name)
    .join(' ');
};

describe('counters', () => {
  test('count at the frequency of the CPU', () => {
    core.nanoseconds = 16_000;
    world(1);
    expect(read('CNTPCT_EL0')).toBe(16_000n);
    expect(read('CNTFRQ_EL0')).toBe(1_000_000_000n);
    const old = new RegisterCore('cortex-a72');
    old.nanoseconds = 16_000;
    expect(old.mrs('CNTPCT_EL0')).toEqual({ kind: 'done', value: 1000n });
    expect(old.mrs('CNTFRQ_EL0')).toEqual({ kind: 'done', value: 62_500_000n });
    expect(ticksAt(old.view, old.cpu, 16_000)).toBe(1000n);
  });
  test.each([
    [3, 0n, 700n, 1000n],
    [2, 0n, 700n, 1000n],
    [2, E2H, 1000n, 1000n],
    [1, 0n, 700n, 1000n],
    [1, E2H, 700n, 1000n],
    [0, 0n, 700n, 1000n],
    [0, E2H | TGE, 1000n, 1000n],
  ])('virtual and physical at EL%i with HCR %x', (el, hcr, virtual, physical) => {
    core.nanoseconds = 1000;
    world(el, el === 3 ? 2 : 1, { CNTVOFF_EL2: 300n, HCR_EL2: hcr });
    for (const name of ['CNTVCT_EL0', 'CNTVCTSS_EL0']) expect(read(name)).toBe(virtual);
    for (const name of ['CNTPCT_EL0', 'CNTPCTSS_EL0']) expect(read(name)).toBe(physical);
  });
  test('CNTPOFF_EL2 needs both enables, and is for EL1 and EL0 of guests', () => {
    core.nanoseconds = 1000;
    const ecv = { CNTPOFF_EL2: 100n, CNTHCTL_EL2: 0xf03n | (1n << 12n) };
    const at = (el: number, regs: Record<string, bigint>): bigint => {
      world(el, el === 3 ? 2 : 1, regs);
      return read('CNTPCT_EL0');
    };
    expect(at(1, ecv)).toBe(900n);
    expect(at(0, ecv)).toBe(900n);
    expect(at(2, ecv)).toBe(1000n);
    expect(at(3, ecv)).toBe(1000n);
    expect(at(1, { ...ecv, CNTHCTL_EL2: 0xf03n })).toBe(1000n);
    expect(at(1, { ...ecv, SCR_EL3: SCR & ~(1n << 28n) })).toBe(1000n);
    expect(at(0, { ...ecv, HCR_EL2: E2H | TGE })).toBe(1000n);
  });
});

describe('timers', () => {
  test('TVAL is the signed distance to CVAL', () => {
    core.nanoseconds = 5000;
    world(1, 1, { CNTVOFF_EL2: 1000n });
    core.msr('CNTV_TVAL_EL0', 100n);
    expect(core.reg('CNTV_CVAL_EL0')).toBe(4100n);
    core.msr('CNTV_TVAL_EL0', 0xffff_ff00n);
    expect(core.reg('CNTV_CVAL_EL0')).toBe(4000n - 256n);
    expect(read('CNTV_TVAL_EL0')).toBe(0xffff_ff00n);
    core.msr('CNTP_CVAL_EL0', 6000n);
    expect(read('CNTP_TVAL_EL0')).toBe(1000n);
  });
  test('CTL shows ISTATUS while enabled, and keeps ENABLE and IMASK alone', () => {
    core.nanoseconds = 5000;
    world(1, 1, { CNTP_CVAL_EL0: 5000n, CNTV_CVAL_EL0: 5001n });
    core.msr('CNTP_CTL_EL0', 0xffn);
    core.msr('CNTV_CTL_EL0', 1n);
    expect(read('CNTP_CTL_EL0')).toBe(7n);
    expect(read('CNTV_CTL_EL0')).toBe(1n);
    core.msr('CNTP_CTL_EL0', 0n);
    expect(read('CNTP_CTL_EL0')).toBe(0n);
    core.nanoseconds = 5001;
    expect(read('CNTV_CTL_EL0')).toBe(5n);
  });
  test.each([
    ['CNTP_CVAL_EL0', 2, 1, 0n, 'CNTP_CVAL_EL0'],
    ['CNTP_CVAL_EL0', 2, 1, E2H, 'CNTHP_CVAL_EL2'],
    ['CNTP_CVAL_EL0', 2, 0, E2H, 'CNTHPS_CVAL_EL2'],
    ['CNTV_CVAL_EL0', 2, 1, E2H, 'CNTHV_CVAL_EL2'],
    ['CNTV_CVAL_EL0', 2, 0, E2H, 'CNTHVS_CVAL_EL2'],
    ['CNTP_CVAL_EL0', 0, 1, E2H | TGE, 'CNTHP_CVAL_EL2'],
    ['CNTV_CVAL_EL0', 0, 3, E2H | TGE, 'CNTHV_CVAL_EL2'],
    ['CNTV_CVAL_EL0', 1, 1, E2H, 'CNTV_CVAL_EL0'],
    ['CNTV_CVAL_EL0', 3, 2, E2H, 'CNTV_CVAL_EL0'],
    ['CNTP_CVAL_EL02', 2, 1, E2H, 'CNTP_CVAL_EL0'],
    ['CNTV_CVAL_EL02', 3, 2, E2H, 'CNTV_CVAL_EL0'],
    ['CNTPS_CVAL_EL1', 3, 2, 0n, 'CNTPS_CVAL_EL1'],
  ])('%s at EL%i, security %i, HCR %x is %s', (name, el, security, hcr, stored) => {
    const scr = security === 0 ? (SCR & ~1n) | (1n << 18n) : security === 3 ? SCR | (1n << 62n) : SCR;
    world(el, security, { HCR_EL2: hcr, SCR_EL3: scr });
    core.msr(name, 0x1234n);
    expect(core.reg(stored)).toBe(0x1234n);
    expect(read(name)).toBe(0x1234n);
  });
});

describe('the host hears of', () => {
  const heard = (name: string, v: bigint, regs: Record<string, bigint> = {}): boolean => {
    core.changes = 0;
    world(2, 1, regs);
    core.msr(name, v);
    return core.changes > 0;
  };
  const LIVE = { CNTP_CTL_EL0: 1n, CNTV_CTL_EL0: 1n, CNTHP_CTL_EL2: 1n };
  const NAMES = ['CNTV_TVAL_EL0', 'CNTHP_CVAL_EL2', 'CNTVOFF_EL2', 'CNTPOFF_EL2', 'CNTHCTL_EL2'];
  test.each(NAMES)('%s, when it acts on a timer that is on', (name) => {
    expect(heard(name, 5n, LIVE)).toBe(true);
  });
  test.each(NAMES)('%s: nothing while timers are off, or masked', (name) => {
    expect(heard(name, 6n, { CNTP_CTL_EL0: 0n, CNTV_CTL_EL0: 3n, CNTHP_CTL_EL2: 2n })).toBe(false);
  });
  test('a timer that goes on or off, and not of one that stays as it is', () => {
    expect(heard('CNTP_CTL_EL0', 1n, { CNTP_CTL_EL0: 0n })).toBe(true);
    expect(heard('CNTP_CTL_EL0', 1n, { CNTP_CTL_EL0: 1n })).toBe(false);
    expect(heard('CNTP_CTL_EL0', 3n, { CNTP_CTL_EL0: 1n })).toBe(true);
    expect(heard('CNTP_CTL_EL0', 2n, { CNTP_CTL_EL0: 3n })).toBe(false);
    expect(heard('CNTHP_CVAL_EL2', 7n, { CNTHP_CTL_EL2: 1n, CNTHP_CVAL_EL2: 7n })).toBe(false);
  });
  test('changes of the world that timers depend on', () => {
    expect(heard('TPIDR_EL2', 1n)).toBe(false);
    expect(heard('HCR_EL2', 1n << 27n)).toBe(false);
    expect(heard('HCR_EL2', 1n << 27n, { ...LIVE, CNTHCTL_EL2: 1n << 12n })).toBe(true);
    expect(heard('HCR_EL2', 1n << 27n, { CNTP_CTL_EL0: 0n, CNTV_CTL_EL0: 0n, CNTHCTL_EL2: 1n << 12n })).toBe(false);
  });
});

describe('outputs', () => {
  test('follow enable, mask and count; the deadline is the next one to come', () => {
    core.nanoseconds = 1000;
    world(1, 1, { CNTVOFF_EL2: 400n, CNTP_CVAL_EL0: 900n, CNTV_CVAL_EL0: 800n, CNTHP_CVAL_EL2: 5000n });
    expect(outputs()).toBe('');
    for (const name of ['CNTP_CTL_EL0', 'CNTV_CTL_EL0', 'CNTHP_CTL_EL2']) core.setReg(name, 1n);
    expect(outputs()).toBe('P');
    expect(timerOutputs(core.view, core.cpu, 1000).deadline).toBe(1200);
    expect(timerOutputs(core.view, core.cpu, 1199).asserted).toBe(1 << NUMBER.P!);
    expect(timerOutputs(core.view, core.cpu, 1200)).toEqual({
      asserted: (1 << NUMBER.P!) | (1 << NUMBER.V!),
      deadline: 5000,
    });
    core.setReg('CNTP_CTL_EL0', 3n);
    expect(outputs()).toBe('');
    expect(timerOutputs(core.view, core.cpu, 5000).deadline).toBe(Number.POSITIVE_INFINITY);
  });
  test('CNTPOFF_EL2 shifts the physical timer', () => {
    world(1, 1, { CNTPOFF_EL2: 100n, CNTHCTL_EL2: 0xf03n | (1n << 12n), CNTP_CVAL_EL0: 1000n, CNTP_CTL_EL0: 1n });
    expect(timerOutputs(core.view, core.cpu, 1099)).toEqual({ asserted: 0, deadline: 1100 });
    expect(timerOutputs(core.view, core.cpu, 1100).asserted).toBe(1 << NUMBER.P!);
  });
  test('offsets beyond the count wrap', () => {
    world(1, 1, { CNTVOFF_EL2: (1n << 64n) - 500n, CNTV_CVAL_EL0: 1600n, CNTV_CTL_EL0: 1n });
    expect(timerOutputs(core.view, core.cpu, 1099)).toEqual({ asserted: 0, deadline: 1100 });
    expect(timerOutputs(core.view, core.cpu, 1100).asserted).toBe(1 << NUMBER.V!);
    core.setReg('CNTVOFF_EL2', 2000n);
    expect(timerOutputs(core.view, core.cpu, 1100).asserted).toBe(1 << NUMBER.V!);
    expect(timerOutputs(core.view, core.cpu, 2100)).toEqual({ asserted: 0, deadline: 3600 });
  });
  test('a compare value that is never reached', () => {
    world(1, 1, { CNTP_CVAL_EL0: (1n << 64n) - 1n, CNTP_CTL_EL0: 1n });
    const { asserted, deadline } = timerOutputs(core.view, core.cpu, 1e15);
    expect([asserted, deadline > 1e19]).toEqual([0, true]);
  });
  test('the masks of FEAT_RME act in Realm and Root state', () => {
    const regs = { CNTHCTL_EL2: 0xf03n | (3n << 18n), CNTP_CTL_EL0: 1n, CNTV_CTL_EL0: 1n };
    for (const [security, want] of [
      [0, 'P V'],
      [1, 'P V'],
      [2, ''],
      [3, ''],
    ] as const) {
      world(security === 2 ? 3 : 1, security, regs);
      expect([security, outputs()]).toEqual([security, want]);
    }
  });
  test('interrupts are those of the base system architecture', () => {
    expect(Object.fromEntries(TIMERS.map((t) => [t.name, t.intid]))).toEqual({
      P: 30,
      V: 27,
      HP: 26,
      HV: 28,
      HPS: 20,
      HVS: 19,
      PS: 29,
    });
  });
  test('event streams: edges of a bit of the count', () => {
    const next = (v: bigint, count: bigint, offset = 0n): bigint | null => {
      world(1, 1, { CNTKCTL_EL1: v, CNTVOFF_EL2: offset, CNTHCTL_EL2: 3n });
      return nextStreamEvent(core.view, core.cpu, count);
    };
    const bit4 = (4n << 4n) | 4n;
    expect(next(4n << 4n, 0n)).toBe(null);
    expect(next(bit4, 0n)).toBe(16n);
    expect(next(bit4, 16n)).toBe(48n);
    expect(next(bit4 | 8n, 0n)).toBe(32n);
    expect(next(bit4 | 8n, 31n)).toBe(32n);
    expect(next(bit4 | (1n << 17n), 0n)).toBe(4096n);
    expect(next(bit4, 0n, 10n)).toBe(26n);
  });
});
