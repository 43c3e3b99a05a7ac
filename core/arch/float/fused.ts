/** Does `relaxed_madd` fuse on this host? V8 compiles it to a fused instruction where there is one, else to two operations. */
import { load, ret, store } from '../../wasm/build.ts';
import { Module } from '../../wasm/module.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, op } from '../../wasm/value.ts';

let known: boolean | null = null;

/** True when both lane widths give the exact, once-rounded result. Found out once, by trying. */
export function relaxedMaddFuses(): boolean {
  known ??= probe();
  return known;
}

function probe(): boolean {
  const m = new Module({ min: 1, max: 1, shared: false });
  for (const [name, lanes] of [
    ['double', 'f64x2'],
    ['single', 'f32x4'],
  ] as const) {
    m.export(
      m.func(name, [I32], I32, (at) => {
        const vector = (n: number) => load('v128', at!, 16 * n);
        store('v128', at!, op(`${lanes}.relaxed_madd`, vector(0), vector(1), vector(2)));
        ret(i32(0));
      }),
    );
  }
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const code = new WebAssembly.Module(m.encode() as Uint8Array<ArrayBuffer>);
  const { exports } = new WebAssembly.Instance(code, { env: { memory } });
  const run = (name: string): void => {
    (exports[name] as (at: number) => number)(0);
  };
  // (1 + ε)² − (1 + 2ε) is ε² when fused, 0 when the product was rounded.
  const doubles = new Float64Array(memory.buffer);
  const e = 2 ** -52;
  doubles.set([1 + e, 1 + e, 1 + e, 1 + e, -(1 + 2 * e), -(1 + 2 * e)]);
  run('double');
  const fine = doubles[0] === e * e && doubles[1] === e * e;
  const singles = new Float32Array(memory.buffer);
  const s = 2 ** -23;
  for (let i = 0; i < 4; i++) {
    singles[i] = singles[4 + i] = 1 + s;
    singles[8 + i] = -(1 + 2 * s);
  }
  run('single');
  return fine && [0, 1, 2, 3].every((i) => singles[i] === s * s);
}
