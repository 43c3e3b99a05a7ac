import { describe, expect, test } from 'vitest';
import { PAS } from '../../../core/devices/device.ts';
import { Bench, GICD, NS, S, SGI_BASE } from './bench.ts';

describe('identification', () => {
  test.each([
    [true, 0x03780408],
    [false, 0x03780008],
  ])('GICD_TYPER with two security states: %s', (security, typer) => {
    const b = new Bench({ security });
    expect(b.d(GICD.TYPER)).toBe(typer);
    expect(b.d(GICD.TYPER, NS)).toBe(typer);
    expect([b.d(8), b.d(0xc), b.d(0x10)]).toEqual([0x43b, 0, 0]);
  });
  test('component identification, as QEMU shows it', () => {
    const b = new Bench();
    const ids = (read: (o: number) => number): number[] => Array.from({ length: 12 }, (_, n) => read(0xffd0 + 4 * n));
    const rest = [0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1];
    expect(ids((o) => b.d(o))).toEqual([0x44, 0, 0, 0, 0x92, ...rest]);
    expect(ids((o) => b.r(0, o))).toEqual([0x44, 0, 0, 0, 0x93, ...rest]);
    expect(ids((o) => b.r(1, SGI_BASE + o))).toEqual([0x44, 0, 0, 0, 0x93, ...rest]);
  });
  test('GICR_TYPER: processor number, last, affinity', () => {
    const b = new Bench({ cores: 18 });
    expect([b.r(0, 8), b.r(0, 12)]).toEqual([0, 0]);
    expect([b.r(3, 8), b.r(3, 12)]).toEqual([0x300, 3]);
    expect([b.r(17, 8), b.r(17, 12)]).toEqual([0x1110, 0x101]);
    expect(b.r(18, 8)).toBe(0);
    expect(b.r(0, 4)).toBe(0x43b);
  });
  test('GICR_WAKER: the Secure side’s; children follow the processor', () => {
    const b = new Bench();
    expect(b.r(0, 0x14)).toBe(6);
    b.setR(0, 0x14, 0, NS);
    expect([b.r(0, 0x14), b.r(0, 0x14, NS)]).toEqual([6, 0]);
    b.setR(0, 0x14, 0);
    expect([b.r(0, 0x14), b.r(1, 0x14)]).toEqual([0, 6]);
    const one = new Bench({ security: false });
    one.setR(0, 0x14, 0, NS);
    expect(one.r(0, 0x14, NS)).toBe(0);
  });
  test('sizes that cannot be', () => {
    expect(() => new Bench({ spis: 40 })).toThrow(RangeError);
    expect(() => new Bench({ cores: 2, affinities: [0] })).toThrow(RangeError);
  });
});

describe('GICD_CTLR', () => {
  test('Secure view, Non-secure view', () => {
    const b = new Bench();
    expect([b.d(GICD.CTLR), b.d(GICD.CTLR, NS)]).toEqual([0x30, 0x10]);
    b.setD(GICD.CTLR, 0xffffffff, NS);
    expect([b.d(GICD.CTLR), b.d(GICD.CTLR, NS)]).toEqual([0x32, 0x12]);
    b.setD(GICD.CTLR, 0x05);
    expect([b.d(GICD.CTLR), b.d(GICD.CTLR, NS)]).toEqual([0x35, 0x10]);
  });
  test('Root is Secure, Realm is not', () => {
    const b = new Bench();
    expect([b.d(GICD.CTLR, PAS.root), b.d(GICD.CTLR, PAS.realm)]).toEqual([0x30, 0x10]);
  });
  test('one security state: two groups, DS is one', () => {
    const b = new Bench({ security: false });
    expect(b.d(GICD.CTLR)).toBe(0x50);
    b.setD(GICD.CTLR, 0xffffffff, NS);
    expect(b.d(GICD.CTLR, NS)).toBe(0x53);
    b.setD(GICD.CTLR, 0, NS);
    expect(b.d(GICD.CTLR)).toBe(0x50);
  });
  test('DS stays once it is set', () => {
    const b = new Bench();
    b.setD(GICD.CTLR, 0x43);
    b.setD(GICD.CTLR, 0x02);
    expect(b.d(GICD.CTLR)).toBe(0x52);
    expect(b.d(GICD.TYPER) & (1 << 10)).toBe(0);
    b.gic.reset();
    expect(b.d(GICD.CTLR)).toBe(0x30);
  });
});

describe.each([
  ['a shared interrupt', 70],
  ['a private one', 27],
])('bits of %s', (_what, intid) => {
  const registers = [
    [GICD.ISENABLER, GICD.ICENABLER],
    [GICD.ISPENDR, GICD.ICPENDR],
    [GICD.ISACTIVER, GICD.ICACTIVER],
  ] as const;
  test('set and clear registers', () => {
    const b = new Bench();
    for (const [set, clear] of registers) {
      expect(b.bit(set, intid)).toBe(0);
      b.mark(set, intid);
      expect([b.bit(set, intid), b.bit(clear, intid), b.bit(set, intid - 1)]).toEqual([1, 1, 0]);
      if (intid < 32) expect(b.bit(set, intid, 1)).toBe(0);
      b.mark(clear, intid);
      expect(b.bit(set, intid)).toBe(0);
    }
  });
  test.each([0, '1s'] as const)('of group %s are hidden from Non-secure accesses', (group) => {
    const b = new Bench();
    b.group(intid, group);
    b.priority(intid, 0x40);
    for (const [set, clear] of registers) {
      b.mark(set, intid, 0, NS);
      expect(b.bit(set, intid)).toBe(0);
      b.mark(set, intid);
      expect([b.bit(set, intid, 0, NS), b.bit(clear, intid, 0, NS)]).toEqual([0, 0]);
      b.mark(clear, intid, 0, NS);
      expect(b.bit(set, intid)).toBe(1);
    }
    b.priority(intid, 0, 0, NS);
    expect([b.priorityOf(intid), b.priorityOf(intid, 0, NS)]).toEqual([0x40, 0]);
  });
  test('Non-secure ones are seen by both, their priorities by halves', () => {
    const b = new Bench();
    b.group(intid, '1ns');
    for (const [set, clear] of registers) {
      b.mark(set, intid, 0, NS);
      expect([b.bit(set, intid), b.bit(set, intid, 0, NS)]).toEqual([1, 1]);
      b.mark(clear, intid, 0, NS);
      expect(b.bit(set, intid)).toBe(0);
    }
    b.priority(intid, 0xa0, 0, NS);
    expect([b.priorityOf(intid), b.priorityOf(intid, 0, NS)]).toEqual([0xd0, 0xa0]);
    b.priority(intid, 0xff, 0, NS);
    expect([b.priorityOf(intid), b.priorityOf(intid, 0, NS)]).toEqual([0xf8, 0xf0]);
    b.priority(intid, 0x4f);
    expect([b.priorityOf(intid), b.priorityOf(intid, 0, NS)]).toEqual([0x48, 0x90]);
  });
  test('groups and NSACR are the Secure side’s', () => {
    const b = new Bench();
    const read = (register: number, pas = S): number =>
      intid < 32 ? b.r(0, SGI_BASE + register, pas) : b.d(register + 8, pas);
    const write = (register: number, v: number, pas = S): void =>
      intid < 32 ? b.setR(0, SGI_BASE + register, v, pas) : b.setD(register + 8, v, pas);
    for (const register of [GICD.IGROUPR, GICD.IGRPMODR, GICD.NSACR]) {
      write(register, 0xffffffff, NS);
      expect(read(register)).toBe(0);
      write(register, 0x1234567);
      expect([read(register), read(register, NS)]).toEqual([0x1234567, 0]);
    }
  });
  test('with one security state everything is there, but no Secure group 1 and no NSACR', () => {
    const b = new Bench({ security: false });
    const at = (register: number): number => (intid < 32 ? SGI_BASE + register : register + 8);
    const read = (register: number): number => (intid < 32 ? b.r(0, at(register), NS) : b.d(at(register), NS));
    const write = (register: number, v: number): void =>
      intid < 32 ? b.setR(0, at(register), v, NS) : b.setD(at(register), v, NS);
    for (const [register, kept] of [
      [GICD.IGROUPR, 0xffffffff],
      [GICD.IGRPMODR, 0],
      [GICD.NSACR, 0],
    ] as const) {
      write(register, 0xffffffff);
      expect(read(register)).toBe(kept);
    }
    write(GICD.IGROUPR, 0);
    b.mark(GICD.ISENABLER, intid, 0, NS);
    b.priority(intid, 0x13, 0, NS);
    expect([b.bit(GICD.ISENABLER, intid, 0, NS), b.priorityOf(intid, 0, NS)]).toEqual([1, 0x10]);
  });
});

describe('shared interrupts', () => {
  test('NSACR opens a Secure interrupt by degrees', () => {
    const seen: string[] = [];
    for (const level of [0, 1, 2, 3]) {
      const b = new Bench();
      b.setD(GICD.NSACR + 4 * (70 >> 4), level << (2 * (70 & 15)));
      b.mark(GICD.ISPENDR, 70, 0, NS);
      const set = b.bit(GICD.ISPENDR, 70);
      b.mark(GICD.ISPENDR, 70);
      const look = b.bit(GICD.ISPENDR, 70, 0, NS);
      b.mark(GICD.ICPENDR, 70, 0, NS);
      const clear = 1 - b.bit(GICD.ISPENDR, 70);
      b.mark(GICD.ISACTIVER, 70);
      const active = b.bit(GICD.ISACTIVER, 70, 0, NS);
      b.setD(GICD.IROUTER + 8 * 70, 1, NS);
      const route = b.d(GICD.IROUTER + 8 * 70) & 1;
      b.mark(GICD.ISENABLER, 70, 0, NS);
      seen.push([set, look, clear, active, route, b.bit(GICD.ISENABLER, 70)].join(''));
    }
    expect(seen).toEqual(['000000', '110000', '111100', '111110']);
  });
  test('ICFGR: edge or level, two bits each; SGIs are fixed', () => {
    const b = new Bench();
    b.setD(GICD.ICFGR + 8, 0xffffffff);
    expect([b.d(GICD.ICFGR + 8), b.d(GICD.ICFGR + 12), b.d(GICD.ICFGR + 8, NS)]).toEqual([0xaaaaaaaa, 0, 0]);
    b.group(33, '1ns');
    expect(b.d(GICD.ICFGR + 8, NS)).toBe(8);
    b.setD(GICD.ICFGR + 8, 0, NS);
    expect(b.d(GICD.ICFGR + 8)).toBe(0xaaaaaaa2);
    b.setR(0, SGI_BASE + GICD.ICFGR, 0);
    b.setR(0, SGI_BASE + GICD.ICFGR + 4, 0x80000000);
    expect([b.r(0, SGI_BASE + GICD.ICFGR), b.r(0, SGI_BASE + GICD.ICFGR + 4)]).toEqual([0xaaaaaaaa, 0x80000000]);
  });
  test('IROUTER: 64 bits at once or in halves; what does not exist is zero', () => {
    const b = new Bench();
    b.setD(GICD.IROUTER + 8 * 40, 0xffffffff);
    b.setD(GICD.IROUTER + 8 * 40 + 4, 0xffffffff);
    // Without 1 of N there is no routing mode.
    expect([b.d(GICD.IROUTER + 8 * 40), b.d(GICD.IROUTER + 8 * 40 + 4)]).toEqual([0xffffff, 0xff]);
    b.gic.distributor.writeWide(GICD.IROUTER + 8 * 40, 1, 0, S);
    expect(b.gic.distributor.readWide(GICD.IROUTER + 8 * 40, S)).toEqual([1, 0]);
    b.setD(GICD.IROUTER + 8 * 31, 1);
    b.setD(GICD.IROUTER + 8 * 288, 1);
    expect([b.d(GICD.IROUTER + 8 * 31), b.d(GICD.IROUTER + 8 * 288)]).toEqual([0, 0]);
  });
  test('registers of interrupts that are not there, or are the redistributors’, read as zero', () => {
    const b = new Bench();
    for (const register of [GICD.IGROUPR, GICD.ISENABLER, GICD.ISPENDR, GICD.ISACTIVER, GICD.IGRPMODR]) {
      for (const at of [register, register + 4 * 9, register + 4 * 31]) {
        b.setD(at, 0xffffffff);
        expect([at, b.d(at)]).toEqual([at, 0]);
      }
    }
    for (const at of [0x400, 0x520, 0x7fc, 0x800, 0x820, 0xc00, 0xc48, 0xe00, 0xe48, 0xf00, 0xf10]) {
      b.setD(at, 0xffffffff);
      expect([at, b.d(at)]).toEqual([at, 0]);
    }
  });
  test('only priorities have bytes', () => {
    const b = new Bench();
    b.gic.distributor.write(GICD.ISENABLER + 4, 0xff, 1, S);
    expect(b.d(GICD.ISENABLER + 4)).toBe(0);
    b.setD(GICD.IPRIORITYR + 40, 0x11223344);
    expect([40, 41, 42, 43].map((n) => b.priorityOf(n))).toEqual([0x40, 0x30, 0x20, 0x10]);
    expect(b.d(GICD.IPRIORITYR + 40)).toBe(0x10203040);
    expect(b.gic.distributor.read(GICD.IPRIORITYR + 40, 2, S)).toBe(0);
  });
  test('level: pending while the input is up; a write pends as well', () => {
    const b = new Bench();
    b.gic.setSpi(40, true);
    expect(b.bit(GICD.ISPENDR, 40)).toBe(1);
    b.mark(GICD.ICPENDR, 40);
    expect(b.bit(GICD.ISPENDR, 40)).toBe(1);
    b.mark(GICD.ISPENDR, 40);
    b.gic.setSpi(40, false);
    expect(b.bit(GICD.ISPENDR, 40)).toBe(1);
    b.mark(GICD.ICPENDR, 40);
    expect(b.bit(GICD.ISPENDR, 40)).toBe(0);
  });
  test('edge: pending from the rise on, whatever the input does', () => {
    const b = new Bench();
    b.edge(40);
    b.gic.setSpi(40, true);
    b.gic.setSpi(40, false);
    expect(b.bit(GICD.ISPENDR, 40)).toBe(1);
    b.mark(GICD.ICPENDR, 40);
    expect(b.bit(GICD.ISPENDR, 40)).toBe(0);
    b.gic.setSpi(40, true);
    b.mark(GICD.ICPENDR, 40);
    b.gic.setSpi(40, true);
    expect(b.bit(GICD.ISPENDR, 40)).toBe(0);
  });
});

describe('message-based interrupts', () => {
  const SETSPI_NSR = 0x40;
  const CLRSPI_NSR = 0x48;
  const SETSPI_SR = 0x50;
  const CLRSPI_SR = 0x58;
  test('are announced, and pend what the side may reach', () => {
    const b = new Bench({ messageSpis: true });
    expect(b.d(GICD.TYPER) & (1 << 16)).toBe(1 << 16);
    b.group(50, '1ns');
    const pending = (): string => [50, 51].map((n) => b.bit(GICD.ISPENDR, n)).join('');
    b.setD(SETSPI_NSR, 50, NS);
    b.setD(SETSPI_NSR, 51, NS);
    expect(pending()).toBe('10');
    b.setD(SETSPI_SR, 51, NS);
    expect(pending()).toBe('10');
    b.setD(SETSPI_SR, 51);
    expect(pending()).toBe('11');
    b.setD(CLRSPI_NSR, 51, NS);
    b.setD(CLRSPI_NSR, 50, NS);
    expect(pending()).toBe('01');
    b.setD(CLRSPI_SR, 51);
    expect(pending()).toBe('00');
    b.setD(SETSPI_NSR, 1023, NS);
    b.setD(SETSPI_NSR, 20, NS);
    expect(b.bit(GICD.ISPENDR, 20)).toBe(0);
  });
  test('are not there by default', () => {
    const b = new Bench();
    b.group(50, '1ns');
    b.setD(SETSPI_NSR, 50, NS);
    expect(b.bit(GICD.ISPENDR, 50)).toBe(0);
  });
});

test('a Non-secure start without firmware: all interrupts are Non-secure group 1', () => {
  const b = new Bench();
  b.gic.reset(true);
  expect([b.d(GICD.IGROUPR + 4), b.r(1, SGI_BASE + GICD.IGROUPR)]).toEqual([0xffffffff, 0xffffffff]);
  expect(b.r(0, 0x14)).toBe(0);
});
