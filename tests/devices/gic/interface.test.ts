import { describe, expect, test } from 'vitest';
import { Bench, type From, GICD, SGI_BASE } from './bench.ts';

const SPURIOUS = 1023;
const SECURE = 1020;
const NON_SECURE = 1021;

/** Two security states, all open. */
const open = (options = {}): Bench => new Bench(options).open();
/** One security state. */
const single = (): Bench => open({ security: false });

describe('fixed values, as QEMU shows them', () => {
  test.each([
    ['CTLR', 'plain', 0x8c00],
    ['CTLR', 'secureEl1', 0x8c00],
    ['CTLR_EL3', 'el3', 0x28c00],
    ['PMR', 'plain', 0],
    ['RPR', 'plain', 0xff],
    ['BPR0', 'plain', 2],
    ['BPR1', 'plain', 3],
    ['BPR1', 'secureEl1', 2],
    ['IAR1', 'plain', SPURIOUS],
    ['HPPIR0', 'el3', SPURIOUS],
    ['ICH_VMCR', 'el2', 0x4c0008],
    ['ICH_ELRSR', 'el2', 15],
  ] as const)('%s from %s', (reg, from, value) => {
    expect(new Bench().get(reg, from)).toBe(value);
  });
  test('writable bits', () => {
    const b = new Bench();
    const written = (reg: Parameters<Bench['set']>[0], from: From): number => {
      b.set(reg, 0xffffffff, from);
      return b.get(reg, from);
    };
    expect(written('PMR', 'plain')).toBe(0xf8);
    expect(written('BPR0', 'plain')).toBe(7);
    expect(written('CTLR', 'plain')).toBe(0x8c02);
    expect(written('CTLR_EL3', 'el3')).toBe(0x28c1f);
    expect(b.get('CTLR', 'plain')).toBe(0x8c03);
    expect(b.get('CTLR', 'secureEl1')).toBe(0x8c03);
    expect(written('IGRPEN1_EL3', 'el3')).toBe(3);
    expect(written('ICH_HCR', 'el2')).toBe(0xf8007cff);
    expect(written('ICH_VMCR', 'el2')).toBe(0xf8fc021b);
    const one = new Bench({ security: false });
    one.set('CTLR', 0xffffffff);
    expect(one.get('CTLR')).toBe(0x8c03);
  });
});

describe('an interrupt’s life', () => {
  test('level: pending, active, active and pending, over', () => {
    const b = single();
    b.ready(40, 0x80);
    expect(b.lines()).toBe('');
    b.gic.setSpi(40, true);
    expect(b.lines()).toBe('irq');
    expect(b.get('HPPIR1')).toBe(40);
    expect(b.get('IAR1')).toBe(40);
    expect([b.lines(), b.get('RPR'), b.bit(GICD.ISACTIVER, 40), b.bit(GICD.ISPENDR, 40)]).toEqual(['', 0x80, 1, 1]);
    expect(b.get('IAR1')).toBe(SPURIOUS);
    b.set('EOIR1', 40);
    // The input is still up.
    expect([b.lines(), b.get('RPR'), b.bit(GICD.ISACTIVER, 40)]).toEqual(['irq', 0xff, 0]);
    b.gic.setSpi(40, false);
    expect([b.lines(), b.get('IAR1')]).toEqual(['', SPURIOUS]);
  });
  test('edge: a second edge while active is kept', () => {
    const b = single();
    b.ready(40, 0x80);
    b.edge(40);
    const pulse = (): void => {
      b.gic.setSpi(40, true);
      b.gic.setSpi(40, false);
    };
    pulse();
    expect(b.get('IAR1')).toBe(40);
    expect(b.bit(GICD.ISPENDR, 40)).toBe(0);
    pulse();
    pulse();
    expect([b.lines(), b.bit(GICD.ISPENDR, 40)]).toEqual(['', 1]);
    b.set('EOIR1', 40);
    expect(b.get('IAR1')).toBe(40);
    b.set('EOIR1', 40);
    expect(b.get('IAR1')).toBe(SPURIOUS);
  });
  test('nothing is signalled that is disabled somewhere; disabling takes it back', () => {
    const b = single();
    b.ready(40, 0x80);
    b.gic.setSpi(40, true);
    const off: readonly (readonly [() => void, () => void])[] = [
      [() => b.mark(GICD.ICENABLER, 40), () => b.mark(GICD.ISENABLER, 40)],
      [() => b.setD(GICD.CTLR, 1), () => b.setD(GICD.CTLR, 3)],
      [() => b.set('IGRPEN1', 0), () => b.set('IGRPEN1', 1)],
      [() => b.set('PMR', 0x80), () => b.set('PMR', 0x88)],
      [() => b.mark(GICD.ISACTIVER, 40), () => b.mark(GICD.ICACTIVER, 40)],
      [() => b.priority(40, 0xf8), () => b.priority(40, 0x80)],
    ];
    for (const [no, yes] of off) {
      no();
      expect([b.lines(), b.get('IAR1')]).toEqual(['', SPURIOUS]);
      yes();
      expect(b.lines()).toBe('irq');
    }
  });
  test('the route decides which core', () => {
    const b = single();
    b.ready(40, 0x80);
    b.gic.setSpi(40, true);
    expect([b.lines(0), b.lines(1)]).toEqual(['irq', '']);
    b.setD(GICD.IROUTER + 8 * 40, 1);
    expect([b.lines(0), b.lines(1)]).toEqual(['', 'irq']);
    // Nobody has this affinity.
    b.setD(GICD.IROUTER + 8 * 40, 0x500);
    expect([b.lines(0), b.lines(1)]).toEqual(['', '']);
    b.setD(GICD.IROUTER + 8 * 40, 1);
    expect(b.get('IAR1', 'plain', 0)).toBe(SPURIOUS);
    expect(b.get('IAR1', 'plain', 1)).toBe(40);
    // Any core may deactivate it.
    b.set('EOIR1', 40, 'plain', 1);
    expect(b.lines(1)).toBe('irq');
  });
  test('private interrupts are their core’s', () => {
    const b = single();
    for (const core of [0, 1]) b.ready(27, 0x80, '1ns', core);
    b.gic.setPpi(1, 27, true);
    expect([b.lines(0), b.lines(1)]).toEqual(['', 'irq']);
    expect([b.get('IAR1', 'plain', 0), b.get('IAR1', 'plain', 1)]).toEqual([SPURIOUS, 27]);
  });
  test('lines are told of when they change, and only then', () => {
    const b = single();
    b.ready(40, 0x80);
    b.ready(41, 0x90);
    b.changes = 0;
    b.gic.setSpi(40, true);
    b.gic.setSpi(40, true);
    b.gic.setSpi(41, true);
    expect(b.changes).toBe(1);
    b.get('IAR1');
    expect(b.changes).toBe(2);
  });
});

describe('priorities', () => {
  test('the lowest value comes first, among equals the lowest number', () => {
    const b = single();
    for (const [intid, priority] of [
      [100, 0x40],
      [45, 0x48],
      [41, 0x40],
      [20, 0x48],
      [60, 0x38],
    ] as const) {
      b.ready(intid, priority);
      b.mark(GICD.ISPENDR, intid);
    }
    const order: number[] = [];
    for (let n = 0; n < 6; n++) {
      const intid = b.get('IAR1');
      order.push(intid);
      if (intid !== SPURIOUS) b.set('EOIR1', intid);
    }
    expect(order).toEqual([60, 41, 100, 20, 45, SPURIOUS]);
  });
  test('a higher priority preempts, an equal or lower one waits for the end', () => {
    const b = single();
    for (const [intid, priority] of [
      [40, 0x80],
      [41, 0x80],
      [42, 0x40],
    ] as const) {
      b.ready(intid, priority);
    }
    b.mark(GICD.ISPENDR, 40);
    expect(b.get('IAR1')).toBe(40);
    b.mark(GICD.ISPENDR, 41);
    expect(b.lines()).toBe('');
    b.mark(GICD.ISPENDR, 42);
    expect(b.lines()).toBe('irq');
    expect([b.get('IAR1'), b.get('RPR'), b.get('AP1R0')]).toEqual([42, 0x40, (1 << 16) | (1 << 8)]);
    expect(b.lines()).toBe('');
    b.set('EOIR1', 42);
    expect([b.lines(), b.get('RPR')]).toEqual(['', 0x80]);
    b.set('EOIR1', 40);
    expect([b.lines(), b.get('RPR'), b.get('IAR1')]).toEqual(['irq', 0xff, 41]);
  });
  test('the binary point joins priorities into groups', () => {
    const b = single();
    b.ready(40, 0x88);
    b.ready(41, 0x80);
    // Non-secure point 4: group priority is bits 7 to 4.
    b.set('BPR1', 4);
    b.mark(GICD.ISPENDR, 40);
    expect([b.get('IAR1'), b.get('RPR')]).toEqual([40, 0x80]);
    b.mark(GICD.ISPENDR, 41);
    expect(b.lines()).toBe('');
    b.set('BPR1', 3);
    expect(b.lines()).toBe('');
    b.priority(41, 0x78);
    expect(b.lines()).toBe('irq');
  });
  test('CBPR: group 1 uses the point of group 0', () => {
    const b = single();
    b.set('BPR0', 5);
    b.set('BPR1', 3);
    b.set('CTLR', 1);
    expect(b.get('BPR1')).toBe(6);
    b.set('BPR1', 0);
    expect([b.get('BPR0'), b.get('BPR1')]).toEqual([5, 6]);
    b.set('BPR0', 7);
    expect(b.get('BPR1')).toBe(7);
    b.set('BPR0', 5);
    b.ready(40, 0xb8);
    b.mark(GICD.ISPENDR, 40);
    b.get('IAR1');
    expect(b.get('RPR')).toBe(0x80);
    b.set('CTLR', 0);
    expect(b.get('BPR1')).toBe(3);
  });
  test('CBPR of the Secure side: BPR1 is BPR0', () => {
    const b = open();
    b.set('CTLR_EL3', 1, 'el3');
    b.set('BPR1', 5, 'secureEl1');
    expect([b.get('BPR0', 'secureEl1'), b.get('BPR1', 'secureEl1'), b.get('BPR1', 'el3')]).toEqual([5, 5, 2]);
  });
  test('the mask is exclusive', () => {
    const b = single();
    b.ready(40, 0x80);
    b.mark(GICD.ISPENDR, 40);
    b.set('PMR', 0x80);
    expect([b.lines(), b.get('HPPIR1')]).toEqual(['', 40]);
    b.set('PMR', 0x81);
    expect(b.lines()).toBe('');
    b.set('PMR', 0x88);
    expect(b.lines()).toBe('irq');
  });
});

describe('the end', () => {
  test('EOImode 1: the priority drops at EOIR, DIR deactivates', () => {
    const b = single();
    b.ready(40, 0x80);
    b.set('CTLR', 2);
    b.gic.setSpi(40, true);
    b.get('IAR1');
    b.set('EOIR1', 40);
    expect([b.get('RPR'), b.bit(GICD.ISACTIVER, 40), b.lines()]).toEqual([0xff, 1, '']);
    b.set('DIR', 40);
    expect([b.bit(GICD.ISACTIVER, 40), b.lines()]).toEqual([0, 'irq']);
  });
  test('DIR does nothing in EOImode 0', () => {
    const b = single();
    b.ready(40, 0x80);
    b.gic.setSpi(40, true);
    b.get('IAR1');
    b.set('DIR', 40);
    expect([b.get('RPR'), b.bit(GICD.ISACTIVER, 40)]).toEqual([0x80, 1]);
  });
  test('special and unknown numbers, nothing running, the other group: no effect', () => {
    const b = single();
    b.ready(40, 0x80);
    b.gic.setSpi(40, true);
    b.set('EOIR1', 40);
    expect(b.get('IAR1')).toBe(40);
    for (const intid of [1020, 1023, 288, 5000]) b.set('EOIR1', intid);
    b.set('EOIR0', 40);
    expect([b.get('RPR'), b.bit(GICD.ISACTIVER, 40)]).toEqual([0x80, 1]);
  });
  test('ends drop the highest priority, whatever number they name', () => {
    const b = single();
    b.ready(40, 0x80);
    b.ready(41, 0x40);
    b.mark(GICD.ISPENDR, 40);
    b.get('IAR1');
    b.mark(GICD.ISPENDR, 41);
    b.get('IAR1');
    b.set('EOIR1', 40);
    expect([b.get('RPR'), b.bit(GICD.ISACTIVER, 40), b.bit(GICD.ISACTIVER, 41)]).toEqual([0x80, 0, 1]);
  });
});

describe('groups and security states', () => {
  test('the line tells the group; with one state it is FIQ or IRQ', () => {
    for (const [group, line] of [
      [0, 'group0'],
      ['1s', 'group1s'],
      ['1ns', 'group1ns'],
    ] as const) {
      const b = open();
      b.ready(40, 0x90, group);
      b.gic.setSpi(40, true);
      expect(b.lines()).toBe(line);
    }
    const b = single();
    b.ready(40, 0x90, 0);
    b.gic.setSpi(40, true);
    expect(b.lines()).toBe('fiq');
    expect([b.get('IAR1'), b.get('IAR0')]).toEqual([SPURIOUS, 40]);
    expect([b.get('AP0R0'), b.get('RPR')]).toEqual([1 << 18, 0x90]);
    b.set('EOIR0', 40);
    expect(b.lines()).toBe('fiq');
  });
  /** What IAR/HPPIR of group 0 and 1 give, by where from. */
  test.each([
    [0, { el1: [SPURIOUS, SPURIOUS], secureEl1: [40, SPURIOUS], el3: [40, SPURIOUS], el3ns: [40, SPURIOUS] }],
    ['1s', { el1: [SPURIOUS, SPURIOUS], secureEl1: [SPURIOUS, 40], el3: [SECURE, 40], el3ns: [SECURE, 40] }],
    ['1ns', { el1: [SPURIOUS, 40], secureEl1: [SPURIOUS, SPURIOUS], el3: [NON_SECURE, 40], el3ns: [NON_SECURE, 40] }],
  ] as const)('who sees an interrupt of group %s', (group, want) => {
    for (const [from, seen] of Object.entries(want)) {
      const b = open();
      b.ready(40, 0x90, group);
      b.gic.setSpi(40, true);
      const at = from as From;
      expect([from, b.get('HPPIR0', at), b.get('HPPIR1', at)]).toEqual([from, ...seen]);
      expect([from, b.get('IAR0', at)]).toEqual([from, seen[0]]);
      expect(b.bit(GICD.ISACTIVER, 40)).toBe(seen[0] === 40 ? 1 : 0);
      if (seen[0] === 40) continue;
      expect([from, b.get('IAR1', at)]).toEqual([from, seen[1]]);
      expect(b.bit(GICD.ISACTIVER, 40)).toBe(seen[1] === 40 ? 1 : 0);
    }
  });
  test('each group has its enables, in the distributor and in the CPU interface', () => {
    const groups = [0, '1s', '1ns'] as const;
    const distributor = { 0: 1, '1s': 4, '1ns': 2 };
    for (const group of groups) {
      const b = open();
      b.ready(40, 0x90, group);
      b.gic.setSpi(40, true);
      b.setD(GICD.CTLR, 7 & ~distributor[group]);
      expect(b.lines()).toBe('');
      b.setD(GICD.CTLR, distributor[group]);
      expect(b.lines()).not.toBe('');
      b.set('IGRPEN0', group === 0 ? 0 : 1, 'el3');
      b.set('IGRPEN1_EL3', { 0: 3, '1s': 1, '1ns': 2 }[group], 'el3');
      expect([b.lines(), b.get('HPPIR0', 'el3')]).toEqual(['', SPURIOUS]);
    }
  });
  test('IGRPEN1_EL1 is banked, IGRPEN1_EL3 shows both', () => {
    const b = new Bench();
    b.set('IGRPEN1', 1, 'el1');
    expect([b.get('IGRPEN1', 'el1'), b.get('IGRPEN1', 'secureEl1'), b.get('IGRPEN1_EL3', 'el3')]).toEqual([1, 0, 1]);
    b.set('IGRPEN1', 1, 'el3');
    expect(b.get('IGRPEN1_EL3', 'el3')).toBe(3);
    b.set('IGRPEN1', 0, 'el3ns');
    expect([b.get('IGRPEN1', 'el1'), b.get('IGRPEN1', 'secureEl1')]).toEqual([0, 1]);
  });
  test('where group 0 is EL3’s, Non-secure software sees the lower half of priorities', () => {
    const b = open();
    const views = (): number[] => [b.get('PMR', 'el3'), b.get('PMR', 'el1'), b.get('PMR', 'plain')];
    expect(views()).toEqual([0xf8, 0xf0, 0xf8]);
    b.set('PMR', 0x80, 'el1');
    expect(views()).toEqual([0xc0, 0x80, 0xc0]);
    b.set('PMR', 0x40, 'el3');
    expect(views()).toEqual([0x40, 0, 0x40]);
    // Secure software masks all Non-secure interrupts; that can't be undone from there.
    b.set('PMR', 0xff, 'el1');
    expect(views()).toEqual([0x40, 0, 0x40]);
    b.set('PMR', 0xff, 'plain');
    expect(b.get('PMR', 'el3')).toBe(0xf8);
    b.ready(40, 0xc0, '1ns');
    b.gic.setSpi(40, true);
    b.get('IAR1', 'el1');
    expect([b.get('RPR', 'el3'), b.get('RPR', 'el1'), b.get('RPR', 'plain')]).toEqual([0xc0, 0x80, 0xc0]);
    b.ready(41, 0x20, 0);
    b.gic.setSpi(41, true);
    b.get('IAR0', 'el3');
    expect([b.get('RPR', 'el3'), b.get('RPR', 'el1')]).toEqual([0x20, 0]);
  });
  test('active priorities are banked; Non-secure ones are of the lower half', () => {
    const b = open();
    b.set('AP1R0', 0xffffffff, 'el1');
    expect([b.get('AP1R0', 'el1'), b.get('AP1R0', 'secureEl1'), b.get('RPR', 'el3')]).toEqual([0xffff0000, 0, 0x80]);
    b.set('AP1R0', 0x10, 'secureEl1');
    expect([b.get('AP1R0', 'el3'), b.get('RPR', 'el3')]).toEqual([0x10, 0x20]);
    b.set('AP0R0', 1, 'el3');
    expect(b.get('RPR', 'el3')).toBe(0);
  });
  test('a Secure interrupt preempts a Non-secure one, and ends do not reach across', () => {
    const b = open();
    b.ready(40, 0xc0, '1ns');
    b.ready(41, 0x40, '1s');
    b.gic.setSpi(40, true);
    expect(b.get('IAR1', 'el1')).toBe(40);
    b.gic.setSpi(41, true);
    expect(b.lines()).toBe('group1s');
    expect(b.get('IAR1', 'secureEl1')).toBe(41);
    b.set('EOIR1', 41, 'el1');
    expect(b.bit(GICD.ISACTIVER, 41)).toBe(1);
    b.set('EOIR1', 41, 'secureEl1');
    expect([b.bit(GICD.ISACTIVER, 41), b.get('RPR', 'el3')]).toEqual([0, 0xc0]);
    b.set('EOIR1', 40, 'el3');
    expect([b.bit(GICD.ISACTIVER, 40), b.get('RPR', 'el3')]).toEqual([0, 0xff]);
  });
  test('EOImode is banked, and EL3 has its own', () => {
    const b = new Bench();
    b.set('CTLR', 2, 'el1');
    expect([b.get('CTLR', 'el1') & 2, b.get('CTLR', 'secureEl1') & 2, b.get('CTLR_EL3', 'el3') & 0x1c]).toEqual([
      2, 0, 16,
    ]);
    b.set('CTLR_EL3', 4 | 8, 'el3');
    expect([b.get('CTLR', 'el1') & 2, b.get('CTLR', 'secureEl1') & 2]).toEqual([0, 2]);
  });
  test('who may deactivate by DIR', () => {
    const may = (group: 0 | '1s' | '1ns', from: From): boolean => {
      const b = open();
      b.set('CTLR_EL3', 0x1c, 'el3');
      b.ready(40, 0x90, group);
      b.mark(GICD.ISACTIVER, 40);
      b.set('DIR', 40, from);
      return b.bit(GICD.ISACTIVER, 40) === 0;
    };
    const all = (group: 0 | '1s' | '1ns'): string =>
      (['plain', 'el1', 'el2', 'secureEl1', 'el3'] as const).filter((from) => may(group, from)).join(' ');
    expect(all('1ns')).toBe('plain el1 el2 secureEl1 el3');
    expect(all('1s')).toBe('secureEl1 el3');
    expect(all(0)).toBe('secureEl1 el3');
  });
});

describe('software generated interrupts', () => {
  const targets = (list: number, aff1 = 0, intid = 5): number => (intid << 24) | (aff1 << 16) | list;
  const ALL_OTHERS = 1 << 8;
  test('to a list of cores, to others, to all others', () => {
    const b = open({ security: false, cores: 18 });
    for (let core = 0; core < 18; core++) b.ready(5, 0x80, '1ns', core);
    const up = (): number[] => Array.from({ length: 18 }, (_, n) => n).filter((n) => b.lines(n) !== '');
    const take = (): void => {
      for (const core of up()) {
        expect(b.get('IAR1', 'plain', core)).toBe(5);
        b.set('EOIR1', 5, 'plain', core);
      }
    };
    b.set('SGI1R', targets(0b101), 'plain', 2);
    expect(up()).toEqual([0, 2]);
    take();
    b.set('SGI1R', targets(0xffff, 1), 'plain', 2);
    expect(up()).toEqual([16, 17]);
    take();
    b.set('SGI1R', targets(0xffff, 2), 'plain', 2);
    b.set('SGI1R', targets(1), 'plain', 2, 1);
    b.set('SGI1R', targets(1), 'plain', 2, 1 << 16);
    expect(up()).toEqual([]);
    b.set('SGI1R', targets(0), 'plain', 2, ALL_OTHERS);
    expect(up()).toEqual(Array.from({ length: 18 }, (_, n) => n).filter((n) => n !== 2));
    take();
    expect(up()).toEqual([]);
  });
  test('one that is pending already stays one', () => {
    const b = single();
    b.ready(5, 0x80);
    b.set('SGI1R', targets(1));
    b.set('SGI1R', targets(1));
    expect(b.get('IAR1')).toBe(5);
    b.set('EOIR1', 5);
    expect(b.get('IAR1')).toBe(SPURIOUS);
  });
  // Table "Use of control registers for SGI forwarding": 0, 1, 2 are what NSACR has to grant, `-` never.
  test.each([
    ['SGI0R', 'secureEl1', '0 - -'],
    ['SGI0R', 'el1', '1 - -'],
    ['SGI1R', 'secureEl1', '0 0 -'],
    ['SGI1R', 'el1', '- - 0'],
    ['ASGI1R', 'secureEl1', '- - 0'],
    ['ASGI1R', 'el1', '1 2 -'],
  ] as const)('%s from %s reaches groups 0, 1 Secure, 1 Non-secure', (reg, from, want) => {
    const needed = ([0, '1s', '1ns'] as const).map((group) => {
      for (const grant of [0, 1, 2]) {
        const b = open();
        b.group(5, group, 1);
        b.setR(1, SGI_BASE + GICD.NSACR, grant << 10);
        b.set(reg, targets(2), from, 0);
        if (b.bit(GICD.ISPENDR, 5, 1)) return String(grant);
      }
      return '-';
    });
    expect(needed.join(' ')).toBe(want);
  });
  test('one security state: SGI0R is group 0, SGI1R group 1', () => {
    for (const [reg, group, reaches] of [
      ['SGI0R', 0, 1],
      ['SGI0R', '1ns', 0],
      ['SGI1R', 0, 0],
      ['SGI1R', '1ns', 1],
    ] as const) {
      const b = single();
      b.group(5, group);
      b.set(reg, targets(1));
      expect([reg, group, b.bit(GICD.ISPENDR, 5)]).toEqual([reg, group, reaches]);
    }
  });
});

test('reset of one core’s interface keeps its redistributor', () => {
  const b = single();
  b.ready(40, 0x80);
  b.ready(27, 0x80);
  b.gic.setSpi(40, true);
  b.get('IAR1');
  b.gic.resetCore(0);
  expect([b.get('PMR'), b.get('RPR'), b.get('IGRPEN1'), b.lines()]).toEqual([0, 0xff, 0, '']);
  expect([b.bit(GICD.ISENABLER, 27), b.bit(GICD.ISACTIVER, 40)]).toEqual([1, 1]);
});
