import { describe, expect, test } from 'vitest';
import { Bench, GICD } from './bench.ts';

const SPURIOUS = 1023;
const PENDING = 1 << 30;
const ACTIVE = 1 << 31;
const HW = 1 << 29;
const GROUP1 = 1 << 28;
const EOI = 1 << 9;
const priority = (p: number): number => p << 16;
/** State of a list register: 0 invalid, 1 pending, 2 active, 3 both. */
const stateOf = (b: Bench, n: number): number => b.lr(n)[1] >>> 30;

/** A hypervisor that has the virtual interface on, both groups enabled, nothing masked. */
function host(hcr = 1): Bench {
  const b = new Bench({ security: false }).open();
  b.ready(25, 0x20);
  b.set('ICH_VMCR', 0xf84c0003 | 0, 'el2');
  b.set('ICH_HCR', hcr, 'el2');
  return b;
}
const maintenance = (b: Bench): number => b.bit(GICD.ISPENDR, 25);

describe('list registers', () => {
  test('hold what they are given, but for reserved bits', () => {
    const b = host(0);
    b.setLr(3, 0xffffffff, 0xffffffff);
    expect(b.lr(3)).toEqual([0xffffffff, 0xf0f81fff]);
    expect([b.get('ICH_ELRSR', 'el2'), b.lr(0)]).toEqual([7, [0, 0]]);
  });
  test('life of a group 1 interrupt', () => {
    const b = host();
    b.setLr(0, 27, PENDING | GROUP1 | priority(0x80));
    expect(b.lines()).toBe('virq');
    expect([b.get('HPPIR1', 'guest'), b.get('HPPIR0', 'guest')]).toEqual([27, SPURIOUS]);
    expect(b.get('IAR0', 'guest')).toBe(SPURIOUS);
    expect(b.get('IAR1', 'guest')).toBe(27);
    expect([b.lines(), stateOf(b, 0), b.get('RPR', 'guest'), b.get('ICH_AP1R0', 'el2')]).toEqual([
      '',
      2,
      0x80,
      1 << 16,
    ]);
    expect(b.get('IAR1', 'guest')).toBe(SPURIOUS);
    // The physical interface knows nothing of it.
    expect(b.get('RPR', 'el2')).toBe(0xff);
    b.set('EOIR1', 27, 'guest');
    expect([stateOf(b, 0), b.get('RPR', 'guest'), b.get('ICH_ELRSR', 'el2')]).toEqual([0, 0xff, 15]);
  });
  test('group 0 is a virtual FIQ', () => {
    const b = host();
    b.setLr(1, 9, PENDING | priority(0x40));
    expect(b.lines()).toBe('vfiq');
    expect(b.get('IAR1', 'guest')).toBe(SPURIOUS);
    expect(b.get('IAR0', 'guest')).toBe(9);
    expect(b.get('AP0R0', 'guest')).toBe(1 << 8);
    b.set('EOIR0', 9, 'guest');
    expect(stateOf(b, 1)).toBe(0);
  });
  test('active and pending becomes pending at the end', () => {
    const b = host();
    b.setLr(0, 27, PENDING | GROUP1 | priority(0x80));
    b.get('IAR1', 'guest');
    b.setLr(0, 27, PENDING | ACTIVE | GROUP1 | priority(0x80));
    expect(b.lines()).toBe('');
    b.set('EOIR1', 27, 'guest');
    expect([stateOf(b, 0), b.lines()]).toEqual([1, 'virq']);
  });
  test('a hardware interrupt is deactivated with its virtual one', () => {
    const b = host();
    b.set('CTLR', 2, 'el2');
    b.ready(40, 0x80);
    b.gic.setSpi(40, true);
    expect(b.get('IAR1', 'el2')).toBe(40);
    b.set('EOIR1', 40, 'el2');
    b.setLr(0, 33, PENDING | HW | GROUP1 | priority(0x80) | 40);
    b.get('IAR1', 'guest');
    expect([b.bit(GICD.ISACTIVER, 40), b.lines()]).toEqual([1, '']);
    b.set('EOIR1', 33, 'guest');
    expect([b.bit(GICD.ISACTIVER, 40), b.lines()]).toEqual([0, 'irq']);
  });
  test('EOImode 1: DIR deactivates', () => {
    const b = host();
    b.set('CTLR', 2, 'guest');
    expect(b.get('ICH_VMCR', 'el2') & 0x200).toBe(0x200);
    b.setLr(0, 27, PENDING | GROUP1 | priority(0x80));
    b.get('IAR1', 'guest');
    b.set('EOIR1', 27, 'guest');
    expect([stateOf(b, 0), b.get('RPR', 'guest')]).toEqual([2, 0xff]);
    b.set('DIR', 27, 'guest');
    expect(stateOf(b, 0)).toBe(0);
  });
  test('LPIs are never active, special numbers not even acknowledged', () => {
    const b = host();
    b.setLr(0, 8200, PENDING | GROUP1 | priority(0x80));
    expect(b.get('IAR1', 'guest')).toBe(8200);
    expect([stateOf(b, 0), b.get('RPR', 'guest')]).toEqual([0, 0x80]);
    b.set('EOIR1', 8200, 'guest');
    expect([b.get('RPR', 'guest'), b.get('ICH_HCR', 'el2')]).toEqual([0xff, 1]);
    b.setLr(0, 1021, PENDING | GROUP1 | priority(0x80));
    expect(b.get('IAR1', 'guest')).toBe(1021);
    expect([stateOf(b, 0), b.get('RPR', 'guest')]).toEqual([0, 0xff]);
  });
  test('without EL2 the registers are zero', () => {
    const b = new Bench({ virtualization: false });
    b.set('ICH_HCR', 1, 'el3');
    b.setLr(0, 5, PENDING);
    expect([b.get('ICH_HCR', 'el3'), b.get('ICH_VMCR', 'el3'), b.lr(0)]).toEqual([0, 0, [0, 0]]);
  });
});

describe('priorities', () => {
  test('the highest priority first; preemption by group priority; the mask', () => {
    const b = host();
    b.setLr(0, 30, PENDING | GROUP1 | priority(0x90));
    b.setLr(1, 31, PENDING | GROUP1 | priority(0x80));
    expect(b.get('IAR1', 'guest')).toBe(31);
    b.setLr(2, 32, PENDING | priority(0x40));
    expect(b.lines()).toBe('vfiq');
    expect(b.get('IAR0', 'guest')).toBe(32);
    b.set('EOIR0', 32, 'guest');
    expect(b.lines()).toBe('');
    b.set('EOIR1', 31, 'guest');
    expect(b.lines()).toBe('virq');
    b.set('PMR', 0x90, 'guest');
    expect([b.lines(), b.get('HPPIR1', 'guest')]).toEqual(['', 30]);
    b.set('PMR', 0xff, 'guest');
    expect([b.get('PMR', 'guest'), b.lines()]).toEqual([0xf8, 'virq']);
  });
  test('enables of groups and of the interface', () => {
    const b = host();
    b.setLr(0, 30, PENDING | GROUP1 | priority(0x90));
    b.set('IGRPEN1', 0, 'guest');
    expect([b.lines(), b.get('HPPIR1', 'guest'), b.get('IAR1', 'guest')]).toEqual(['', SPURIOUS, SPURIOUS]);
    b.set('IGRPEN1', 1, 'guest');
    expect([b.lines(), b.get('IGRPEN1', 'guest'), b.get('IGRPEN0', 'guest')]).toEqual(['virq', 1, 1]);
    b.set('ICH_HCR', 0, 'el2');
    expect([b.lines(), b.get('IAR1', 'guest')]).toEqual(['', SPURIOUS]);
  });
  test('binary points, and one for both groups', () => {
    const b = host();
    b.set('BPR0', 0, 'guest');
    b.set('BPR1', 0, 'guest');
    expect([b.get('BPR0', 'guest'), b.get('BPR1', 'guest')]).toEqual([2, 3]);
    b.set('BPR0', 5, 'guest');
    b.set('CTLR', 1, 'guest');
    expect([b.get('BPR1', 'guest'), b.get('CTLR', 'guest')]).toEqual([6, 0x8c01]);
    b.set('BPR1', 4, 'guest');
    expect(b.get('BPR1', 'guest')).toBe(6);
    expect(b.get('ICH_VMCR', 'el2')).toBe((0xf8000000 | (5 << 21) | (3 << 18) | 16 | 8 | 3) >>> 0);
    b.setLr(0, 30, PENDING | GROUP1 | priority(0xb8));
    b.get('IAR1', 'guest');
    expect(b.get('RPR', 'guest')).toBe(0x80);
  });
  test('an interrupt of priority 0xf8 is never signalled', () => {
    const b = host();
    b.setLr(0, 30, PENDING | GROUP1 | priority(0xf8));
    expect([b.lines(), b.get('IAR1', 'guest')]).toEqual(['', SPURIOUS]);
  });
});

describe('maintenance interrupt', () => {
  const [U, LRENP, NP] = [2, 4, 8];
  const misr = (b: Bench): number => b.get('ICH_MISR', 'el2');
  test('end of an interrupt that asked for it', () => {
    const b = host();
    b.setLr(2, 30, PENDING | GROUP1 | EOI | priority(0x80));
    b.get('IAR1', 'guest');
    expect([misr(b), maintenance(b)]).toEqual([0, 0]);
    b.set('EOIR1', 30, 'guest');
    expect([misr(b), b.get('ICH_EISR', 'el2'), b.get('ICH_ELRSR', 'el2'), maintenance(b)]).toEqual([1, 4, 11, 1]);
    expect([b.lines(), b.get('IAR1', 'el2')]).toEqual(['irq', 25]);
    b.setLr(2, 0, 0);
    expect([misr(b), maintenance(b), b.get('ICH_ELRSR', 'el2')]).toEqual([0, 0, 15]);
    b.set('EOIR1', 25, 'el2');
    expect(b.lines()).toBe('');
  });
  test('underflow: at most one list register is in use', () => {
    const b = host(1 | 2);
    expect([misr(b), maintenance(b)]).toEqual([U, 1]);
    b.setLr(0, 30, PENDING | GROUP1 | priority(0x80));
    expect(misr(b)).toBe(U);
    b.setLr(1, 31, ACTIVE | GROUP1 | priority(0x80));
    expect([misr(b), maintenance(b)]).toEqual([0, 0]);
  });
  test('no pending interrupt', () => {
    const b = host(1 | 8);
    expect([misr(b), maintenance(b)]).toEqual([NP, 1]);
    b.setLr(0, 30, PENDING | GROUP1 | priority(0x80));
    expect([misr(b), maintenance(b)]).toEqual([0, 0]);
    b.get('IAR1', 'guest');
    expect([misr(b), maintenance(b)]).toEqual([NP, 1]);
  });
  test('ends without a list register are counted', () => {
    const b = host(1 | 4);
    const count = (): number => b.get('ICH_HCR', 'el2') >>> 27;
    // No active priority: nothing to end.
    b.set('EOIR1', 30, 'guest');
    expect(count()).toBe(0);
    b.set('ICH_AP1R0', 1 << 16, 'el2');
    b.set('EOIR1', 30, 'guest');
    expect([count(), misr(b), maintenance(b), b.get('RPR', 'guest')]).toEqual([1, LRENP, 1, 0xff]);
    // With EOImode 1 it is deactivation that counts.
    b.set('CTLR', 2, 'guest');
    b.set('ICH_AP1R0', 1 << 16, 'el2');
    b.set('EOIR1', 30, 'guest');
    expect(count()).toBe(1);
    b.set('DIR', 30, 'guest');
    expect(count()).toBe(2);
    b.set('DIR', 9000, 'guest');
    expect(count()).toBe(2);
    b.set('ICH_HCR', (31 << 27) | 1, 'el2');
    b.set('DIR', 30, 'guest');
    expect([count(), b.get('ICH_HCR', 'el2'), maintenance(b)]).toEqual([0, 1, 0]);
  });
  test('groups enabled and disabled', () => {
    const bits = (b: Bench): number => misr(b) >> 4;
    const b = host(1 | 0xf0);
    expect(bits(b)).toBe(0b0101);
    b.set('IGRPEN0', 0, 'guest');
    expect([bits(b), maintenance(b)]).toEqual([0b0110, 1]);
    b.set('IGRPEN1', 0, 'guest');
    expect(bits(b)).toBe(0b1010);
    b.set('ICH_HCR', 0xf0, 'el2');
    expect([bits(b), maintenance(b)]).toEqual([0b1010, 0]);
  });
});
