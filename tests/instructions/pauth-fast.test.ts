/** Pointer authentication in every regime and at every level of features, with the fast algorithm, against a model. */
import { describe, expect, it } from 'vitest';
import { CONFIG, PAUTH_KEYS, pauthConfig } from '../../core/arch/pauth/config.ts';
import { pauthLibraries } from '../../core/arch/pauth/library.ts';
import { regOffset } from '../../core/arch/registers/storage.ts';
import * as state from '../../core/arch/state.ts';
import { pcOf } from '../../core/engine/interpret.ts';
import { ret, store } from '../../core/wasm/build.ts';
import { Library } from '../../core/wasm/library.ts';
import { I32, I64 } from '../../core/wasm/opcodes.ts';
import { i32 } from '../../core/wasm/value.ts';
import { BareCore, EXIT } from '../support/bare-core.ts';
import { Random } from '../vectors/random.ts';
import { authModel, fastCode, type Regime, signModel, stripModel } from './pauth-model.ts';

/** Where `pacFail` leaves its ISS, and 1 << 31. */
const FAIL = state.FAULT_PA;

/** Exceptions stop the core. */
function stubs(): Library {
  const lib = new Library();
  const stop = (name: string, more: number): void =>
    lib.define(name, [I32, I32, I32, ...Array<typeof I32>(more).fill(I32)], I32, (_link, cpu, rec, n, ...args) => {
      store('i64', cpu!, pcOf(cpu!, rec!), state.PC);
      store('i32', cpu!, n!, state.BUDGET);
      store('i32', cpu!, (args[0] ?? i32(0)).or(1 << 31), FAIL);
      ret(i32(EXIT.debug));
    });
  stop('undefined', 0);
  stop('pacFail', 1);
  stop('sysTrap', 3);
  lib.define('eretAuthTrap', [I32, I32], I32, () => ret(i32(0)));
  lib.define('exceptionReturnTo', [I32, I32, I64], I32, () => ret(i32(0)));
  return lib;
}

const LEVELS = [
  ['PAuth'],
  ['PAuth', 'EPAC'],
  ['PAuth', 'PAuth2'],
  ['PAuth', 'FPAC'],
  ['PAuth', 'FPACCOMBINE'],
] as const;
const ORDER = ['PAuth', 'EPAC', 'PAuth2', 'FPAC', 'FPACCOMBINE'];
const KEYS = ['IA', 'IB', 'DA', 'DB'] as const;
const ENABLE_ALL = (1n << 31n) | (1n << 30n) | (1n << 27n) | (1n << 13n);
const CODE = 0x47000000;

const [pac, aut, xpac] = [0xdac10020, 0xdac11020, 0xdac143e0];

function check(mode: 'interpreter' | 'compiled', features: readonly string[], seed: number): void {
  const core = new BareCore({ mode, libraries: [...pauthLibraries, stubs()], memoryBytes: 1 << 20 });
  const { view, cpu } = core;
  const random = new Random(seed);
  const set = (name: string, v: bigint): void => view.setBigUint64(cpu + regOffset(name), BigInt.asUintN(64, v), true);
  const config = pauthConfig(new Set([...features, 'TTST', 'LVA', 'LPA2']));
  core.setField32(CONFIG, config);
  const rank = Math.max(...features.map((f) => ORDER.indexOf(f)));
  const level = { epac: rank >= 1, pauth2: rank >= 2 };
  const run = (word: number, pointer: bigint, modifier: bigint): { value: bigint; failed: number } => {
    core.setX(0, pointer);
    core.setX(1, modifier);
    core.setField32(FAIL, 0);
    core.place(CODE, [word, 0]);
    core.pc = BigInt(CODE);
    core.run();
    return { value: core.x(0), failed: core.field32(FAIL) };
  };
  for (let round = 0; round < 40; round++) {
    // EL1&0, EL2 with one range, EL2&0, EL3.
    const [el, e2h] = [random.pick([0, 1, 2, 2, 3]), random.below(2)];
    const hcr = (1n << 41n) | (BigInt(e2h) << 34n) | (el === 0 && e2h ? 1n << 27n : 0n);
    const regimeEl = el === 0 ? (e2h ? 2 : 1) : el;
    // 52-bit addresses by FEAT_LPA2 aside.
    const tcr = random.next64() & ~((1n << 59n) | (1n << 32n));
    const regime: Regime = { two: regimeEl === 1 || (regimeEl === 2 && e2h === 1), tcr };
    core.setField32(state.EL, el);
    set('HCR_EL2', hcr);
    set('SCR_EL3', (1n << 17n) | 1n);
    for (const n of [1, 2, 3]) {
      set(`SCTLR_EL${n}`, n === regimeEl ? ENABLE_ALL : 0n);
      set(`TCR_EL${n}`, n === regimeEl ? tcr : random.next64());
    }
    for (const each of KEYS) {
      const key = PAUTH_KEYS[each];
      set(`${key.name}Lo_EL1`, random.next64());
      set(`${key.name}Hi_EL1`, random.next64());
    }
    core.setField32(state.MODE, core.space.core.pauthMode!(cpu));
    for (let n = 0; n < 4; n++) {
      const key = PAUTH_KEYS[KEYS[n]!];
      const low = view.getBigUint64(cpu + regOffset(`${key.name}Lo_EL1`), true);
      const high = view.getBigUint64(cpu + regOffset(`${key.name}Hi_EL1`), true);
      const wild = random.next64();
      const pointer = random.oneIn(3) ? wild : BigInt.asUintN(64, BigInt.asIntN(40, wild));
      const modifier = random.next64();
      const code = (canonical: bigint): bigint => fastCode(canonical, modifier, low, high);
      const about = `EL${el} E2H ${e2h} TCR ${tcr.toString(16)} ${KEYS[n]} ${pointer.toString(16)}`;
      const signed = signModel(pointer, code, regime, level, key.data);
      expect(run(pac | (n << 10), pointer, modifier).value, `PAC ${about}`).toBe(signed);
      for (const input of [signed, signed ^ (1n << BigInt(random.below(64))), pointer]) {
        const expected = authModel(input, code, regime, level, key.data, key.b);
        const found = run(aut | (n << 10), input, modifier);
        const fails = !expected.right && rank >= 3;
        expect(found.failed, `AUT ${about} of ${input.toString(16)}`).toBe(fails ? 0x80000000 + (n & 2) + (n & 1) : 0);
        expect(found.value, `AUT ${about} of ${input.toString(16)}`).toBe(fails ? input : expected.result);
      }
      const stripped = run(xpac | (n >> 1 ? 0x400 : 0), signed, 0n).value;
      expect(stripped, `XPAC ${about}`).toBe(stripModel(signed, regime, key.data));
    }
  }
}

describe('pointer authentication with the fast algorithm', () => {
  for (const features of LEVELS) {
    for (const mode of ['interpreter', 'compiled'] as const) {
      it(`${features[features.length - 1]}, ${mode}`, () => check(mode, features, 1));
    }
  }
});
