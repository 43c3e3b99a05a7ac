import { describe, expect, test } from 'vitest';
import { GIC_ACCESS, GIC_REG } from '../../core/arch/registers/gic-interface.ts';
import { gicAccess } from '../../core/arch/registers/table/gic.ts';
import { register, registers } from '../../core/arch/registers/table.ts';
import * as state from '../../core/arch/state.ts';
import type { Outcome } from './support.ts';
import { RegisterCore } from './support.ts';

const short = (o: Outcome): string => (o.kind === 'done' ? 'ok' : o.kind === 'undefined' ? '-' : String(o.to));
const FIQ = 4n;
const IRQ = 2n;
const NS = 1n;
const HCR_FMO = 8n;
const HCR_IMO = 16n;

/** A Non-secure world with nothing trapped. */
function world(core: RegisterCore, el: number, security = 1, regs: Record<string, bigint> = {}): void {
  core.reset();
  core.setReg('SCR_EL3', 0x431n);
  for (const [name, v] of Object.entries(regs)) core.setReg(name, v);
  core.enter(el, security);
}

/** What the host is asked, as [register, access, low, high]. */
interface Call {
  readonly core: RegisterCore;
  readonly calls: number[][];
}
function recording(mode: 'interpreter' | 'compiled'): Call {
  const calls: number[][] = [];
  const core: RegisterCore = new RegisterCore('max', {}, mode, {
    gicRead: (_cpu: number, reg: number, access: number) => {
      calls.push([reg, access]);
      if (reg >= GIC_REG.ICH_LR) core.setField32(state.SCRATCH_HI, 0x90000001);
      return 0x80000100 | 0;
    },
    gicWrite: (_cpu: number, reg: number, access: number, lo: number, hi: number) => {
      calls.push([reg, access, lo, hi]);
    },
  });
  return { core, calls };
}

const names = [...gicAccess.keys()];
const has = (name: string, access: 'mrs' | 'msr'): boolean =>
  (access === 'mrs' ? register(name).readEl : register(name).writeEl) !== null;
const directions = (name: string): ('mrs' | 'msr')[] => (['mrs', 'msr'] as const).filter((a) => has(name, a));
const access = (core: RegisterCore, how: 'mrs' | 'msr', name: string): Outcome =>
  how === 'mrs' ? core.mrs(name) : core.msr(name, 0x1122334455667788n);

describe.each(['interpreter', 'compiled'] as const)('%s', (mode) => {
  const { core, calls } = recording(mode);

  test('each level has its registers', () => {
    for (const name of [...names, 'ICC_SRE_EL1', 'ICC_SRE_EL2', 'ICC_SRE_EL3', 'ICH_VTR_EL2']) {
      const lowest = Number(/EL(\d)$/.exec(name)![1]);
      for (const how of directions(name)) {
        const got = [0, 1, 2, 3].map((el) => {
          world(core, el, el === 3 ? 0 : 1);
          return short(access(core, how, name));
        });
        expect([name, ...got]).toEqual([name, ...[0, 1, 2, 3].map((el) => (el < lowest ? '-' : 'ok'))]);
      }
    }
  });
  test('directions that do not exist', () => {
    for (const name of [
      'ICC_IAR0_EL1',
      'ICC_IAR1_EL1',
      'ICC_HPPIR0_EL1',
      'ICC_HPPIR1_EL1',
      'ICC_RPR_EL1',
      'ICH_VTR_EL2',
    ]) {
      expect([name, has(name, 'msr')]).toEqual([name, false]);
    }
    for (const name of [
      'ICC_EOIR0_EL1',
      'ICC_EOIR1_EL1',
      'ICC_DIR_EL1',
      'ICC_SGI1R_EL1',
      'ICC_ASGI1R_EL1',
      'ICC_SGI0R_EL1',
    ]) {
      world(core, 3, 0);
      expect([name, core.mrs(name).kind]).toEqual([name, 'undefined']);
    }
  });
  test('the host hears which register, from where, and the value', () => {
    const from = (el: number, security: number, scr: bigint): number => {
      world(core, el, security, { SCR_EL3: 0x430n | scr });
      calls.length = 0;
      core.mrs('ICC_PMR_EL1');
      return calls[0]![1]!;
    };
    const { nonSecure, irqToEl3, fiqToEl3 } = GIC_ACCESS;
    expect(from(1, 1, NS)).toBe(1 | nonSecure);
    expect(from(1, 1, NS | FIQ)).toBe(1 | nonSecure | fiqToEl3);
    expect(from(2, 1, NS | IRQ)).toBe(2 | nonSecure | irqToEl3);
    expect(from(1, 0, FIQ)).toBe(1 | fiqToEl3);
    expect(from(1, 3, NS)).toBe(1 | nonSecure);
    // At EL3 it is SCR_EL3.NS that selects.
    expect(from(3, 0, FIQ)).toBe(3 | fiqToEl3);
    expect(from(3, 0, NS)).toBe(3 | nonSecure);
    expect(from(3, 2, NS)).toBe(3 | nonSecure);
    world(core, 1);
    calls.length = 0;
    core.msr('ICC_SGI1R_EL1', 0x00aa00bb_05010003n);
    expect(calls).toEqual([[GIC_REG.SGI1R, 1 | nonSecure, 0x05010003, 0x00aa00bb]]);
  });
  test('32 bits are zero-extended; list registers have 64', () => {
    world(core, 2);
    expect(core.mrs('ICC_IAR1_EL1')).toEqual({ kind: 'done', value: 0x80000100n });
    expect(core.mrs('ICH_LR2_EL2')).toEqual({ kind: 'done', value: 0x90000001_80000100n });
    calls.length = 0;
    core.msr('ICH_LR3_EL2', 0x5080_0000_0000_001bn);
    expect(calls).toEqual([[GIC_REG.ICH_LR + 3, 2 | GIC_ACCESS.nonSecure, 0x1b, 0x50800000]]);
  });
  test('every register goes by its own number', () => {
    const seen = new Map<number, string>();
    for (const name of names) {
      world(core, 3, 0);
      calls.length = 0;
      access(core, directions(name)[0]!, name);
      const number = calls[0]![0]!;
      expect([name, seen.get(number)]).toEqual([name, undefined]);
      seen.set(number, name);
    }
    expect(seen.size).toBe(Object.keys(GIC_REG).length + 3);
  });

  const GROUP0 = [
    'ICC_IAR0_EL1',
    'ICC_EOIR0_EL1',
    'ICC_HPPIR0_EL1',
    'ICC_BPR0_EL1',
    'ICC_AP0R0_EL1',
    'ICC_IGRPEN0_EL1',
  ];
  const GROUP1 = GROUP0.map((name) => name.replace('R0_EL1', 'R1_EL1').replace('PEN0', 'PEN1')).map((name) =>
    name === 'ICC_AP0R1_EL1' ? 'ICC_AP1R0_EL1' : name,
  );
  const COMMON = ['ICC_PMR_EL1', 'ICC_RPR_EL1', 'ICC_CTLR_EL1', 'ICC_DIR_EL1'];
  const SGIS = ['ICC_SGI1R_EL1', 'ICC_ASGI1R_EL1', 'ICC_SGI0R_EL1'];
  const kinds = { 0: GROUP0, 1: GROUP1, c: COMMON, s: SGIS } as const;
  /** All of a kind answer alike: the outcome at EL1. */
  function all(kind: keyof typeof kinds, el: number, regs: Record<string, bigint>, security = 1): string {
    const got = new Set<string>();
    for (const name of kinds[kind]) {
      for (const how of directions(name)) {
        world(core, el, security, regs);
        calls.length = 0;
        const o = short(access(core, how, name));
        const virtual = calls.length > 0 && (calls[0]![1]! & GIC_ACCESS.virtual) !== 0;
        got.add(virtual ? 'virtual' : o);
      }
    }
    return [...got].join(' ');
  }
  const row = (el: number, regs: Record<string, bigint>, security = 1): string =>
    (['0', '1', 'c', 's'] as unknown as (keyof typeof kinds)[]).map((k) => all(k, el, regs, security)).join(', ');

  test.each([
    // Outcome of group 0, group 1, common registers, SGIs.
    [1, {}, 'ok, ok, ok, ok'],
    [1, { HCR_EL2: HCR_FMO }, 'virtual, ok, virtual, 2'],
    [1, { HCR_EL2: HCR_IMO }, 'ok, virtual, virtual, 2'],
    [1, { HCR_EL2: HCR_FMO | HCR_IMO }, 'virtual, virtual, virtual, 2'],
    [2, { HCR_EL2: HCR_FMO | HCR_IMO }, 'ok, ok, ok, ok'],
    [1, { ICH_HCR_EL2: 1n << 10n }, 'ok, ok, 2, 2'],
    [1, { ICH_HCR_EL2: 1n << 11n }, '2, ok, ok, ok'],
    [1, { ICH_HCR_EL2: 1n << 12n, HCR_EL2: HCR_IMO }, 'ok, 2, virtual, 2'],
    [2, { ICH_HCR_EL2: 7n << 10n }, 'ok, ok, ok, ok'],
    [1, { SCR_EL3: 0x431n | FIQ }, '3, ok, ok, ok'],
    [1, { SCR_EL3: 0x431n | IRQ }, 'ok, 3, ok, ok'],
    [1, { SCR_EL3: 0x431n | IRQ | FIQ }, '3, 3, 3, 3'],
    [2, { SCR_EL3: 0x431n | IRQ | FIQ }, '3, 3, 3, 3'],
    [3, { SCR_EL3: 0x431n | IRQ | FIQ }, 'ok, ok, ok, ok'],
    [1, { SCR_EL3: 0x431n | IRQ | FIQ, HCR_EL2: HCR_FMO }, 'virtual, 3, virtual, 2'],
    [1, { SCR_EL3: 0x431n | IRQ, HCR_EL2: HCR_IMO }, 'ok, virtual, virtual, 2'],
  ] as [number, Record<string, bigint>, string][])('from EL%i with %o', (el, regs, want) => {
    expect(row(el, regs)).toBe(want);
  });
  test('without Secure EL2, HCR_EL2 and ICH_HCR_EL2 say nothing of Secure EL1', () => {
    const regs = { HCR_EL2: HCR_FMO | HCR_IMO, ICH_HCR_EL2: 7n << 10n, SCR_EL3: 0x430n };
    expect(row(1, regs, 0)).toBe('ok, ok, ok, ok');
    expect(row(1, { ...regs, SCR_EL3: 0x430n | (1n << 18n), ICH_HCR_EL2: 0n }, 0)).toBe('virtual, virtual, virtual, 2');
  });
  test('TDIR traps ICC_DIR_EL1 alone', () => {
    for (const [name, want] of [
      ['ICC_DIR_EL1', '2'],
      ['ICC_CTLR_EL1', 'ok'],
    ] as const) {
      world(core, 1, 1, { ICH_HCR_EL2: 1n << 14n });
      expect([name, short(core.msr(name, 0n))]).toEqual([name, want]);
    }
  });
  test('fine-grained traps of the group enables', () => {
    for (const name of ['ICC_IGRPEN0_EL1', 'ICC_IGRPEN1_EL1']) {
      const regs = { SCR_EL3: 0x431n | (1n << 27n), HFGRTR_EL2: 1n << 39n };
      world(core, 1, 1, regs);
      expect([short(core.mrs(name)), short(core.msr(name, 0n))]).toEqual(['2', 'ok']);
      world(core, 1, 1, { ...regs, HFGRTR_EL2: 0n, HFGWTR_EL2: 1n << 39n });
      expect([short(core.mrs(name)), short(core.msr(name, 0n))]).toEqual(['ok', '2']);
    }
  });
  test('a trap tells the register: EC 0x18 and its encoding', () => {
    world(core, 1, 1, { ICH_HCR_EL2: 1n << 12n });
    // op0 3, op2 0, op1 0, CRn 12, Rt 3, CRm 12, read.
    const iss = (3 << 20) | (12 << 10) | (3 << 5) | (12 << 1) | 1;
    expect(core.mrs('ICC_IAR1_EL1')).toEqual({ kind: 'trap', to: 2, ec: 0x18, iss });
  });
  test('what lies in memory is read there, and the host hears of changes only', () => {
    const words = core.layout.devices + 4096;
    core.setField32(state.GIC_VIRTUAL, words);
    const values = [0xf8000001, 0x4c000002, 3, 4, 0x1b, 0x50800000, 0x1c, 0x50800001];
    for (const [n, v] of values.entries()) core.view.setInt32(words + 4 * n, v, true);
    world(core, 2);
    const kept: [string, bigint, number, bigint][] = [
      ['ICH_HCR_EL2', 0xf8000001n, GIC_REG.ICH_HCR, 0xf8000003n],
      ['ICH_VMCR_EL2', 0x4c000002n, GIC_REG.ICH_VMCR, 0x4c000003n],
      ['ICH_AP0R0_EL2', 3n, GIC_REG.ICH_AP0R0, 0n],
      ['ICH_AP1R0_EL2', 4n, GIC_REG.ICH_AP1R0, 0n],
      ['ICH_LR0_EL2', 0x50800000_0000001bn, GIC_REG.ICH_LR, 0x10800000_0000001bn],
      ['ICH_LR1_EL2', 0x50800001_0000001cn, GIC_REG.ICH_LR + 1, 0x50800001_0000001dn],
    ];
    for (const [name, value, number, other] of kept) {
      calls.length = 0;
      expect([name, core.mrs(name)]).toEqual([name, { kind: 'done', value }]);
      core.msr(name, value);
      expect([name, calls]).toEqual([name, []]);
      core.msr(name, other);
      const halves = [0n, 32n].map((by) => Number(BigInt.asIntN(32, other >> by)));
      expect([name, calls]).toEqual([name, [[number, 2 | GIC_ACCESS.nonSecure, ...halves]]]);
    }
    core.setField32(state.GIC_VIRTUAL, 0);
  });
  test('a write of ICH_HCR_EL2 takes effect on the next access, and the host has it whole', () => {
    world(core, 2);
    calls.length = 0;
    core.msr('ICH_HCR_EL2', 0xffffffffn);
    expect(calls).toEqual([[GIC_REG.ICH_HCR, 2 | GIC_ACCESS.nonSecure, -1, 0]]);
    expect(core.reg('ICH_HCR_EL2')).toBe(0x5c00n);
  });
});

describe('fixed registers', () => {
  const read = (core: RegisterCore, name: string): bigint | string => {
    const o = core.mrs(name);
    return o.kind === 'done' ? o.value : o.kind;
  };
  test('SRE is on, for ever; ICH_VTR_EL2 as QEMU', () => {
    const core = new RegisterCore();
    for (const [name, value] of [
      ['ICC_SRE_EL1', 7n],
      ['ICC_SRE_EL2', 15n],
      ['ICC_SRE_EL3', 15n],
    ] as const) {
      core.msr(name, 0n);
      expect([name, read(core, name)]).toEqual([name, value]);
    }
    expect(read(core, 'ICH_VTR_EL2')).toBe(0x90b80003n);
  });
  test('without EL2 those of EL2 are zero', () => {
    const core = new RegisterCore('max', { has_el2: false });
    expect([read(core, 'ICC_SRE_EL2'), read(core, 'ICH_VTR_EL2')]).toEqual([0n, 0n]);
  });
  test('registers that five bits of priority do without', () => {
    const core = new RegisterCore();
    // ICC_AP0R1_EL1, ICC_AP1R1_EL1, ICH_AP0R1_EL2, ICH_LR4_EL2, ICH_LR8_EL2.
    for (const word of [0xd538c8a3, 0xd538c923, 0xd53cc823, 0xd53ccc83, 0xd53ccd03]) {
      expect([word.toString(16), core.word(word).kind]).toEqual([word.toString(16), 'undefined']);
    }
  });
  test('a CPU without the interface has none of it', () => {
    const core = new RegisterCore('max', { GIC: false });
    expect((core.cpuModel.id.get('ID_AA64PFR0_EL1')! >> 24n) & 15n).toBe(0n);
    for (const r of registers.filter((r) => r.area === 'GIC')) {
      const o = r.readEl === null ? core.msr(r.name, 0n) : core.mrs(r.name);
      expect([r.name, o.kind]).toEqual([r.name, 'undefined']);
    }
  });
});
