/** The routines against exact arithmetic: every rounding mode, results and flags, random and awkward operands. */
import { describe, expect, it } from 'vitest';
import { floatLibrary } from '../../core/arch/float/library.ts';
import * as state from '../../core/arch/state.ts';
import { Module } from '../../core/wasm/module.ts';
import { Random } from '../vectors/random.ts';
import {
  type Exact,
  exactly,
  FORMATS,
  type Format,
  finite,
  product,
  quotient,
  type Rounded,
  root,
  rounded,
  sum,
} from './reference.ts';

type Routine = (cpu: number, ctl: number, ...values: (bigint | number)[]) => bigint;

function routines(): { call: Record<string, Routine>; fpsr: () => number } {
  const m = new Module({ min: 1, max: 1, shared: true });
  floatLibrary().into(m);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const code = new WebAssembly.Module(m.encode() as Uint8Array<ArrayBuffer>);
  const { exports } = new WebAssembly.Instance(code, { env: { memory } });
  const words = new Uint32Array(memory.buffer);
  const fpsr = (): number => {
    const flags = words[state.FPSR >> 2]!;
    words[state.FPSR >> 2] = 0;
    return flags;
  };
  return { call: exports as Record<string, Routine>, fpsr };
}
const { call, fpsr } = routines();

/** Finite operands: any, near the ends of the range, few bits set, near powers of two. */
function operand(random: Random, f: Format): bigint {
  const exponents = 1n << BigInt(f.bits - f.fraction - 1);
  for (;;) {
    const all = BigInt.asUintN(f.bits, random.next64());
    const fraction = all & ((1n << BigInt(f.fraction)) - 1n);
    const place = 1n << BigInt(random.below(f.fraction));
    const few = random.oneIn(2) ? place : random.oneIn(2) ? (1n << BigInt(f.fraction)) - place : 0n;
    const middle = exponents / 2n - 1n + BigInt(random.below(5) - 2);
    const ends = random.oneIn(2) ? BigInt(random.below(3)) : exponents - 2n - BigInt(random.below(3));
    const exponent = random.oneIn(3) ? middle : random.oneIn(2) ? ends : (all >> BigInt(f.fraction)) & (exponents - 1n);
    const sign = BigInt(random.below(2)) << BigInt(f.bits - 1);
    const x = sign | (exponent << BigInt(f.fraction)) | (random.oneIn(2) ? fraction : few);
    if (finite(f, x)) return x;
  }
}
const hex = (v: bigint): string => v.toString(16);

function check(name: string, count: number, reference: (f: Format, xs: Exact[], mode: number) => Rounded | null): void {
  for (const [letter, f] of Object.entries(FORMATS)) {
    it(`${name}.${letter}`, () => {
      const random = new Random(name.length * 7 + f.bits);
      const routine = call[`${name}.${letter}`]!;
      for (let i = 0; i < 3000; i++) {
        const xs = Array.from({ length: count }, () => operand(random, f));
        // Sums that nearly cancel.
        if (count === 2 && random.oneIn(4)) xs[1] = BigInt.asUintN(f.bits, (xs[0]! ^ (1n << BigInt(f.bits - 1))) + 1n);
        if (!xs.every((x) => finite(f, x))) continue;
        for (let mode = 0; mode < 4; mode++) {
          const want = reference(
            f,
            xs.map((x) => exactly(f, x)),
            mode,
          );
          if (!want) continue;
          const got = BigInt.asUintN(64, routine(0, mode << 22, ...xs));
          const text = `${xs.map(hex).join(' ')} mode ${mode}`;
          expect(`${text}: ${hex(got)} ${fpsr()}`).toBe(`${text}: ${hex(want.bits)} ${want.flags}`);
        }
      }
    });
  }
}

describe('floating-point routines', () => {
  check('fpAdd', 2, (f, [a, b], mode) => rounded(f, sum(a!, b!, mode), mode));
  check('fpMul', 2, (f, [a, b], mode) => rounded(f, product(a!, b!), mode));
  check('fpDiv', 2, (f, [a, b], mode) => (b!.n === 0n ? null : rounded(f, quotient(a!, b!), mode)));
  check('fpSqrt', 1, (f, [a], mode) => (a!.negative || a!.n === 0n ? null : root(f, a!, mode)));
  check('fpMulAdd', 3, (f, [a, n, m], mode) => rounded(f, sum(a!, product(n!, m!), mode), mode));

  it('keeps JavaScript’s doubles and singles company', () => {
    const random = new Random(5);
    const view = new DataView(new ArrayBuffer(8));
    const number = (x: bigint): number => {
      view.setBigUint64(0, x);
      return view.getFloat64(0);
    };
    const bits = (v: number): bigint => {
      view.setFloat64(0, v);
      return view.getBigUint64(0);
    };
    for (let i = 0; i < 5000; i++) {
      const [a, b] = [operand(random, FORMATS.d), operand(random, FORMATS.d)];
      expect(BigInt.asUintN(64, call['fpDiv.d']!(0, 0, a, b))).toBe(bits(number(a) / number(b)));
      const single = BigInt.asUintN(64, call['fpConvert.ds']!(0, 0, a));
      view.setFloat32(0, number(a));
      expect(Number(single)).toBe(view.getUint32(0));
      const half = Number(call['fpConvert.dh']!(0, 0, a));
      view.setFloat16(0, number(a));
      expect(half).toBe(view.getUint16(0));
    }
  });
});
