/** Cache maintenance: DC ZVA, faults of operations by address, the instruction cache, traps. */
import { beforeAll, describe, expect, it } from 'vitest';
import { FSC } from '../../core/arch/exceptions/fault-kinds.ts';
import { cpuFeatures } from '../../core/arch/features.ts';
import * as state from '../../core/arch/state.ts';
import { INFO, TranslationMachine } from './machine.ts';
import { S1 } from './tables.ts';
import { CACHE_WORD, DATA, KERNEL, SCTLR_ON, TLBI_WORD, USER, World } from './world.ts';

let m: TranslationMachine;
let w: World;
const VA = 0x12_3000n;
const calls: [string, number][] = [];
const note =
  (name: string) =>
  (_cpu: number, value: number): void => {
    calls.push([name, value >>> 0]);
  };
const UCI = 1n << 26n;
const DZE = 1n << 14n;
/** ISS of an abort. */
const abort = (esr: bigint): bigint => esr & 0x1ffffffn;

beforeAll(() => {
  m = new TranslationMachine({
    features: cpuFeatures('max'),
    paRange: 5,
    host: {
      invalidateCode: note('line'),
      broadcastCode: note('others'),
      invalidateAllCode: note('all'),
    },
  });
});
const world = (): void => {
  w = new World(m);
  calls.length = 0;
};
const fill = (byte: number): void => {
  const at = m.host(DATA)!;
  m.core.u8.fill(byte, at, at + 4096);
};
const bytes = (from: number, to: number): number[] => [...m.core.u8.subarray(m.host(DATA)! + from, m.host(DATA)! + to)];

describe('DC ZVA', () => {
  it('clears the line of 64 bytes around the address, alone', () => {
    world();
    w.lower.map(VA, DATA, KERNEL);
    for (const again of [0, 1]) {
      fill(0xaa + again);
      expect(w.exec(CACHE_WORD['DC ZVA'], 1, VA + 0x95n).exception).toBe(0);
      expect(bytes(0x80, 0xc0).every((b) => b === 0)).toBe(true);
      expect(bytes(0, 0x80).every((b) => b === 0xaa + again)).toBe(true);
      expect(bytes(0xc0, 0x200).every((b) => b === 0xaa + again)).toBe(true);
    }
  });
  it('faults as a write, and on Device memory', () => {
    world();
    w.lower.map(VA, DATA, KERNEL | S1.readOnly);
    const r = w.exec(CACHE_WORD['DC ZVA'], 1, VA + 0x15n);
    expect(r).toMatchObject({ exception: 1, far: VA + 0x15n });
    expect(abort(r.esr)).toBe(BigInt(FSC.permission(3) | (1 << 6)));
    w.lower.map(VA, DATA, KERNEL | S1.device);
    w.exec(TLBI_WORD.VMALLE1, 1);
    const d = w.exec(CACHE_WORD['DC ZVA'], 1, VA);
    expect(abort(d.esr)).toBe(BigInt(FSC.alignment | (1 << 6)));
    // Stage 1 off: all data is Device memory.
    expect(abort(w.exec(CACHE_WORD['DC ZVA'], 2, DATA).esr)).toBe(BigInt(FSC.alignment | (1 << 6)));
  });
  it('at EL0 asks SCTLR_EL1.DZE, and HCR_EL2.TDZ', () => {
    world();
    w.lower.map(VA, DATA, USER);
    expect(w.exec(CACHE_WORD['DC ZVA'], 0, VA).esr >> 26n).toBe(0x18n);
    m.reg('SCTLR_EL1', SCTLR_ON | DZE);
    fill(1);
    expect(w.exec(CACHE_WORD['DC ZVA'], 0, VA).exception).toBe(0);
    expect(bytes(0, 64).every((b) => b === 0)).toBe(true);
    m.reg('HCR_EL2', (1n << 31n) | (1n << 28n));
    expect(w.exec(CACHE_WORD['DC ZVA'], 0, VA).exception).toBe(2);
    expect(w.exec(CACHE_WORD['DC ZVA'], 1, VA).exception).toBe(2);
  });
});

describe('clean and invalidate by address', () => {
  const names = ['DC CVAC', 'DC CVAU', 'DC CIVAC', 'IC IVAU'] as const;
  it('above EL0 need a translation, and no permission', () => {
    world();
    for (const name of names) {
      w.lower.map(VA, DATA, KERNEL);
      expect(w.exec(CACHE_WORD[name], 1, VA + 3n).exception, name).toBe(0);
      const r = w.exec(CACHE_WORD[name], 1, VA + 0x5001n);
      expect(r).toMatchObject({ exception: 1, far: VA + 0x5001n });
      expect(abort(r.esr)).toBe(BigInt(FSC.translation(3) | (1 << 8) | (1 << 6)));
    }
  });
  it('at EL0 need SCTLR_EL1.UCI and permission to read', () => {
    world();
    w.lower.map(VA, DATA, KERNEL);
    w.lower.map(VA + 0x1000n, DATA, USER);
    for (const name of names) {
      m.reg('SCTLR_EL1', SCTLR_ON);
      expect(w.exec(CACHE_WORD[name], 0, VA + 0x1000n).esr >> 26n, name).toBe(0x18n);
      m.reg('SCTLR_EL1', SCTLR_ON | UCI);
      expect(w.exec(CACHE_WORD[name], 0, VA + 0x1000n).exception, name).toBe(0);
      const r = w.exec(CACHE_WORD[name], 0, VA);
      expect(abort(r.esr), name).toBe(BigInt(FSC.permission(3) | (1 << 8) | (1 << 6)));
    }
  });
  it('do not make an old page young: a later access still faults', () => {
    world();
    w.lower.map(VA, DATA, KERNEL & ~S1.af);
    expect(w.exec(CACHE_WORD['DC CVAC'], 1, VA).exception).toBe(0);
    m.enter(1);
    expect(m.cached(VA)).toBe(false);
    expect(m.fill(VA, 3)).toBe(0);
  });
  it('DC IVAC needs permission to write', () => {
    world();
    w.lower.map(VA, DATA, KERNEL);
    expect(w.exec(CACHE_WORD['DC IVAC'], 1, VA).exception).toBe(0);
    w.lower.map(VA, DATA, KERNEL | S1.readOnly);
    const r = w.exec(CACHE_WORD['DC IVAC'], 1, VA);
    expect(abort(r.esr)).toBe(BigInt(FSC.permission(3) | (1 << 8) | (1 << 6)));
    expect(w.exec(CACHE_WORD['DC IVAC'], 0, VA).esr >> 26n).toBe(0n);
  });
  it('trap by TPC, TPU, TSW, and fine-grained', () => {
    world();
    w.lower.map(VA, DATA, KERNEL);
    const hcr = (bit: number): void => m.reg('HCR_EL2', (1n << 31n) | (1n << BigInt(bit)));
    const traps = (name: keyof typeof CACHE_WORD): boolean => w.exec(CACHE_WORD[name], 1, VA).exception === 2;
    hcr(23);
    expect((['DC CVAC', 'DC CIVAC', 'DC IVAC', 'DC CVAU', 'IC IVAU'] as const).map(traps)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    hcr(24);
    expect((['DC CVAU', 'IC IVAU', 'IC IALLU', 'IC IALLUIS', 'DC CVAC'] as const).map(traps)).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    hcr(52);
    expect((['DC CVAU', 'IC IVAU', 'IC IALLU', 'IC IALLUIS'] as const).map(traps)).toEqual([true, true, true, false]);
    hcr(50);
    expect((['IC IALLU', 'IC IALLUIS'] as const).map(traps)).toEqual([false, true]);
    hcr(22);
    expect((['DC CISW', 'DC CVAC'] as const).map(traps)).toEqual([true, false]);
    m.reg('HCR_EL2', 1n << 31n);
    m.reg('SCR_EL3', m.get('SCR_EL3') | (1n << 27n));
    m.reg('HFGITR_EL2', 1n << 54n);
    expect((['DC CVAC', 'DC CIVAC'] as const).map(traps)).toEqual([true, false]);
    m.reg('HFGITR_EL2', 0n);
  });
});

describe('the instruction cache', () => {
  it('IC IVAU tells the engine about pages that have records', () => {
    world();
    w.lower.map(VA, DATA, KERNEL);
    calls.length = 0;
    w.exec(CACHE_WORD['IC IVAU'], 1, VA + 0x44n);
    expect(calls).toEqual([]);
    // A fetch makes records; the second IC is by the TLB.
    m.enter(1);
    m.call('fillExec', VA);
    for (let i = 0; i < 2; i++) {
      calls.length = 0;
      w.exec(CACHE_WORD['IC IVAU'], 1, VA + 0x44n);
      expect(calls).toEqual([['line', m.host(DATA)! + 0x40]]);
    }
    m.setWord(state.PEERS, 1);
    calls.length = 0;
    w.exec(CACHE_WORD['IC IVAU'], 1, VA + 0x44n);
    expect(calls.map(([name]) => name)).toEqual(['line', 'others']);
    m.setWord(state.PEERS, 0);
  });
  it('IC IALLU and IALLUIS take all, the latter everywhere', () => {
    world();
    w.exec(CACHE_WORD['IC IALLU'], 1);
    w.exec(CACHE_WORD['IC IALLUIS'], 1);
    expect(calls).toEqual([
      ['all', 0],
      ['all', 1],
    ]);
    m.reg('HCR_EL2', (1n << 31n) | (1n << 9n));
    w.exec(CACHE_WORD['IC IALLU'], 1);
    expect(calls[2]).toEqual(['all', 1]);
  });
});

describe('alignment', () => {
  const check = (va: bigint, info: number): number => {
    m.setWord(state.FAULT, 0);
    return m.call('checkAlignment', va, info);
  };
  it('is SCTLR.A for ordinary accesses; ordered and atomic ones stay inside 16 bytes', () => {
    world();
    expect(check(VA + 1n, 3)).toBe(1);
    expect(check(VA + 4n, 3 | INFO.ordered)).toBe(1);
    expect(check(VA + 12n, 3 | INFO.ordered)).toBe(0);
    expect(m.fault().iss).toBe(FSC.alignment);
    expect(check(VA + 4n, 3 | INFO.atomic | INFO.write)).toBe(1);
    expect(check(VA + 12n, 3 | INFO.atomic | INFO.write)).toBe(0);
    m.reg('SCTLR_EL1', SCTLR_ON | (1n << 6n));
    expect(check(VA + 12n, 3 | INFO.ordered)).toBe(1);
    expect(check(VA + 12n, 3 | INFO.atomic)).toBe(0);
    m.reg('SCTLR_EL1', SCTLR_ON | 2n);
    expect(check(VA + 1n, 3 | INFO.write)).toBe(0);
    expect(m.fault()).toMatchObject({ iss: FSC.alignment | (1 << 6), far: VA + 1n });
    expect(check(VA + 8n, 3)).toBe(1);
  });
});

describe('prediction restriction (FEAT_SPECRES)', () => {
  const EnRCTX = 1n << 10n;
  const names = ['CFP RCTX', 'DVP RCTX', 'CPP RCTX'] as const;
  it('does nothing that can be seen, from EL1 up', () => {
    world();
    for (const name of names) {
      for (const el of [1, 2, 3]) expect(w.exec(CACHE_WORD[name], el, 0n).exception, `${name} at EL${el}`).toBe(0);
    }
    expect(calls).toEqual([]);
  });
  it('at EL0 asks SCTLR_EL1.EnRCTX, or SCTLR_EL2.EnRCTX of a host', () => {
    world();
    for (const name of names) {
      m.reg('SCTLR_EL1', SCTLR_ON);
      const r = w.exec(CACHE_WORD[name], 0, 0n);
      expect([r.exception, r.esr >> 26n], name).toEqual([1, 0x18n]);
      m.reg('SCTLR_EL1', SCTLR_ON | EnRCTX);
      expect(w.exec(CACHE_WORD[name], 0, 0n).exception, name).toBe(0);
    }
  });
  it('traps by HFGITR_EL2, each by its bit', () => {
    world();
    m.reg('HCR_EL2', 1n << 31n);
    m.reg('SCR_EL3', m.get('SCR_EL3') | (1n << 27n));
    names.forEach((name, i) => {
      m.reg('HFGITR_EL2', 1n << [48n, 49n, 50n][i]!);
      expect(names.map((other) => w.exec(CACHE_WORD[other], 1, 0n).exception === 2)).toEqual(
        names.map((other) => other === name),
      );
      // The trap tells which instruction it was: op0 1, op2, op1 3, CRn 7, CRm 3, Rt 1 or what the world uses, a write.
      const { esr } = w.exec(CACHE_WORD[name], 1, 0n);
      const word = CACHE_WORD[name];
      const iss = (1 << 20) | (((word >>> 5) & 7) << 17) | (3 << 14) | (7 << 10) | ((word & 31) << 5) | (3 << 1);
      expect(esr).toBe((0x18n << 26n) | (1n << 25n) | BigInt(iss));
    });
    m.reg('HFGITR_EL2', 0n);
  });
  it('COSP RCTX needs FEAT_SPECRES2, which no CPU here has', () => {
    world();
    expect(w.exec(CACHE_WORD['COSP RCTX'], 1, 0n).esr >> 26n).toBe(0n);
  });
});
