/** Updates of descriptors by the walk itself: access flag and dirty state (FEAT_HAFDBS, FEAT_HAFT; D8.4.5, D8.4.6). */
import { INFO } from '../../engine/access.ts';
import { rmw, run } from '../../wasm/build.ts';
import type { Link } from '../../wasm/library.ts';
import { i32, type Val } from '../../wasm/value.ts';

/** Changes the descriptor at host address `at` from `old` to `now` at once; yields what it was: `old`, or it is as it was. */
export function updateDescriptor(link: Link, cpu: Val, at: Val, old: Val, now: Val): Val {
  // The walk does not go through the TLB, but it is a write of this core: see `engine/pair-pages.ts`.
  run(link('mayWrite'), cpu, at, i32(INFO.write));
  return rmw('cmpxchg', 'i64', at, old, now);
}
