/**
 * Random accesses from everywhere: nothing throws, and after each the lines are what a slow calculation from the registers says,
 * which knows nothing of what the GIC remembers between accesses.
 */
import { describe, expect, test } from 'vitest';
import { GIC_ACCESS, GIC_REG } from '../../../core/arch/registers/gic-interface.ts';
import { LINE } from '../../../core/arch/state.ts';
import { Bench, GICD, SGI_BASE } from './bench.ts';

function generator(seed: number): (below: number) => number {
  let x = seed | 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

const SPIS = 64;
const IDS = 32 + SPIS;

interface Pending {
  readonly intid: number;
  readonly priority: number;
  readonly group: number;
}

/** Bits of a register for INTIDs as one core has them. */
function snapshot(b: Bench, core: number, register: number): number[] {
  return [b.r(core, SGI_BASE + register), ...Array.from({ length: SPIS / 32 }, (_, n) => b.d(register + 4 * (n + 1)))];
}

/** The interrupt that a core is to be told of, from the Secure side's view of all registers. */
function highest(b: Bench, core: number): Pending | null {
  const control = b.d(GICD.CTLR);
  const single = (control & 0x40) !== 0;
  const of = (register: number): number[] => snapshot(b, core, register);
  const [groups, modifiers] = [of(GICD.IGROUPR), of(GICD.IGRPMODR)];
  const [enabled, pending, active] = [of(GICD.ISENABLER), of(GICD.ISPENDR), of(GICD.ISACTIVER)];
  let best: Pending | null = null;
  for (let intid = 0; intid < IDS; intid++) {
    const is = (words: number[]): boolean => ((words[intid >> 5]! >>> (intid & 31)) & 1) !== 0;
    if (!is(enabled) || !is(pending) || is(active)) continue;
    const group = is(groups) ? 2 : !single && is(modifiers) ? 1 : 0;
    if (!(control & [1, 4, 2][group]!)) continue;
    if (intid >= 32) {
      const at = GICD.IROUTER + 8 * intid;
      if (b.d(at) !== core || b.d(at + 4) !== 0) continue;
    }
    const priority = b.priorityOf(intid, core);
    if (!best || priority < best.priority) best = { intid, priority, group };
  }
  return best;
}
/** Group priority: the binary point says how many low bits do not count. */
function grouped(priority: number, point: number): number {
  return priority - (priority % 2 ** (point + 1));
}
function expectedLines(b: Bench, core: number): number {
  const single = (b.d(GICD.CTLR) & 0x40) !== 0;
  const physical = (): number => {
    const p = highest(b, core);
    if (!p) return 0;
    const at3 = (reg: Parameters<Bench['get']>[0]): number => b.get(reg, 'el3', core);
    const ns = (reg: Parameters<Bench['get']>[0]): number => b.get(reg, 'el3ns', core);
    const enables = at3('IGRPEN1_EL3');
    const on = [at3('IGRPEN0'), (enables >> 1) & 1, enables & 1][p.group]!;
    if (!on || p.priority >= at3('PMR')) return 0;
    const control = at3('CTLR_EL3');
    const common = [0, control & 1, control & 2][p.group] !== 0;
    // With one security state both views of BPR1 are the Non-secure one.
    const point = p.group === 0 || common ? at3('BPR0') : p.group === 1 ? at3('BPR1') : ns('BPR1') - 1;
    const running = at3('RPR');
    if (running !== 0xff && grouped(p.priority, point) >= running) return 0;
    if (single) return p.group === 0 ? LINE.fiq : LINE.irq;
    return [LINE.group0, LINE.group1s, LINE.group1ns][p.group]!;
  };
  const virtual = (): number => {
    if (!(b.get('ICH_HCR', 'el2', core) & 1)) return 0;
    const vmcr = b.get('ICH_VMCR', 'el2', core);
    let best = 0xff;
    let group = 0;
    for (let n = 0; n < 4; n++) {
      const high = b.lr(n, core)[1];
      const g = (high >>> 28) & 1;
      const priority = (high >>> 16) & 0xff;
      if (high >>> 30 !== 1 || !((vmcr >>> g) & 1) || priority >= best) continue;
      best = priority;
      group = g;
    }
    const point = group && !(vmcr & 16) ? ((vmcr >>> 18) & 7) - 1 : (vmcr >>> 21) & 7;
    const running = b.get('RPR', 'guest', core);
    if (best >= vmcr >>> 24 || (running !== 0xff && grouped(best, point) >= running)) return 0;
    return group ? LINE.virq : LINE.vfiq;
  };
  return physical() | virtual();
}

const OFFSETS = Object.values(GICD);
const REGISTERS = Object.values(GIC_REG).filter((r) => r < GIC_REG.ICH_LR);
/** Values that often matter. */
function value(random: (below: number) => number): number {
  switch (random(4)) {
    case 0:
      return 0xffffffff | 0;
    case 1:
      return 1 << random(32);
    case 2:
      return random(IDS);
    default:
      return (random(1 << 16) << 16) | random(1 << 16);
  }
}

/** Random writes soon leave nothing enabled and everything active. */
function enliven(b: Bench): void {
  b.open();
  for (const core of [0, 1]) {
    for (const from of ['el3', 'el3ns'] as const) b.set('AP1R0', 0, from, core);
    b.set('AP0R0', 0, 'el3', core);
    b.set('ICH_AP0R0', 0, 'el2', core);
    b.set('ICH_AP1R0', 0, 'el2', core);
    b.set('ICH_HCR', 1, 'el2', core);
    b.set('ICH_VMCR', 0xf84c0003 | 0, 'el2', core);
    b.setR(core, SGI_BASE + GICD.ICACTIVER, 0xffffffff);
    b.setR(core, SGI_BASE + GICD.ISENABLER, 0xffffffff);
  }
  for (let n = 1; n <= SPIS / 32; n++) {
    b.setD(GICD.ICACTIVER + 4 * n, 0xffffffff);
    b.setD(GICD.ISENABLER + 4 * n, 0xffffffff);
  }
}

describe.each([
  ['two security states', true],
  ['one', false],
])('%s', (_name, security) => {
  test.each([1, 2, 3, 4, 5, 6])('seed %i', (seed) => {
    const random = generator(seed * 0x9e3779b9);
    const b = new Bench({ security, spis: SPIS }).open();
    for (let intid = 0; intid < IDS; intid++) {
      for (const core of intid < 32 ? [0, 1] : [0]) {
        b.ready(intid, random(256), ([0, '1s', '1ns'] as const)[random(3)]!, core);
        if (intid >= 32) b.setD(GICD.IROUTER + 8 * intid, random(2));
      }
    }
    const step = (): string => {
      const core = random(2);
      const pas = random(4) as 0 | 1 | 2 | 3;
      const v = value(random);
      switch (random(9)) {
        case 0:
        case 1: {
          const intid = random(IDS);
          if (intid < 16) return '';
          if (intid < 32) b.gic.setPpi(core, intid === 25 ? 26 : intid, random(2) === 1);
          else b.gic.setSpi(intid, random(2) === 1);
          return `input ${intid}`;
        }
        case 2: {
          // GICD_CTLR.DS is left alone: the point of BPR1 that it selects can't be seen from everywhere.
          const at = OFFSETS[random(OFFSETS.length)]! + 4 * random(12);
          if (at >= GICD.IROUTER) b.setD(GICD.IROUTER + 8 * (32 + random(SPIS)), random(3), pas);
          else b.setD(at, at === 0 ? v & ~0x40 : v, pas);
          return `GICD ${at.toString(16)} = ${v}`;
        }
        case 3: {
          const at = SGI_BASE + OFFSETS[random(OFFSETS.length)]! + 4 * random(3);
          b.setR(core, at, v, pas);
          return `GICR ${at.toString(16)} = ${v}`;
        }
        case 4:
        case 5: {
          const access = random(4) === 0 ? 33 | GIC_ACCESS.nonSecure : 1 + random(3) + 4 * random(8);
          const reg = [GIC_REG.IAR0, GIC_REG.IAR1, REGISTERS[random(REGISTERS.length)]!][random(3)]!;
          b.gic.readRegister(core, reg, access);
          return `read ${reg}`;
        }
        case 6:
          b.setLr(random(4), random(IDS), v, core);
          return 'list register';
        default: {
          const access = random(4) === 0 ? 33 | GIC_ACCESS.nonSecure : 1 + random(3) + 4 * random(8);
          const reg = REGISTERS[random(REGISTERS.length)]!;
          b.gic.writeRegister(core, reg, v, random(2) ? 0 : v, access);
          return `write ${reg} = ${v}`;
        }
      }
    };
    const seen = new Set<number>();
    let up = 0;
    for (let n = 0; n < 1500; n++) {
      const what = step();
      if (n % 50 === 0) enliven(b);
      for (const core of [0, 1]) {
        expect([n, what, core, b.lineBits[core]]).toEqual([n, what, core, expectedLines(b, core)]);
        seen.add(b.lineBits[core]!);
        if (b.lineBits[core]) up++;
      }
    }
    expect([seen.size > 3, up > 300]).toEqual([true, true]);
  });
  test('accesses that make no sense', () => {
    const random = generator(77);
    const b = new Bench({ security });
    for (let n = 0; n < 20000; n++) {
      const offset = random(0x10000);
      const size = [1, 2, 4][random(3)]!;
      const pas = random(4) as 0 | 1 | 2 | 3;
      const wide = offset & ~7;
      b.gic.distributor.write(offset, value(random), size, pas);
      b.gic.redistributors.write(random(4 << 17), value(random), size, pas);
      b.gic.distributor.writeWide(wide, value(random), value(random), pas);
      const read = [
        b.gic.distributor.read(offset, size, pas),
        b.gic.redistributors.read(random(4 << 17), size, pas),
        ...b.gic.distributor.readWide(wide, pas),
        b.gic.readRegister(random(2), random(GIC_REG.ICH_LR + 4), random(64)),
      ];
      b.gic.writeRegister(random(2), random(GIC_REG.ICH_LR + 4), value(random), value(random), random(64));
      for (const v of read) if ((v | 0) !== v && v >>> 0 !== v) expect(v).toBe(0);
    }
    expect(b.d(0xffe8)).toBe(0x3b);
  });
});
