/** RNDR and RNDRRS (FEAT_RNG): numbers of the host, seeded in the deterministic mode. */
import { call, store } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64 } from '../../wasm/value.ts';
import * as state from '../state.ts';
import { finishRead } from './library.ts';
import { readBy } from './readers.ts';

export const random = new Library();

/** 64 random bits. */
random.host('random', [], I64);
readBy('random', 'readRandom', 0);

// There always is a number: NZCV becomes 0000.
random.define('readRandom', [I32, I32, I32, I32], I32, (link, cpu, rec, n) => {
  store('i32', cpu!, n!, state.BUDGET);
  store('i64', cpu!, i64(0), state.NF);
  store('i64', cpu!, i64(1), state.ZF);
  store('i32', cpu!, i32(0), state.CF);
  store('i64', cpu!, i64(0), state.VF);
  finishRead(link, cpu!, rec!, n!, call(link('random')));
});
