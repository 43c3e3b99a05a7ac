/** Physical memory as translation sees it: table walks read descriptors here. */

import {
  MEMMAP,
  MEMMAP_ENTRIES,
  MEMMAP_ENTRY,
  MM_BASE,
  MM_DELTA,
  MM_END,
  MM_FLAGS,
  MM_PAS,
} from '../../engine/layout.ts';
import { brIf, call, choose, iff, load, loop, ret, store, variable } from '../../wasm/build.ts';
import type { Library, Link } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, type Val } from '../../wasm/value.ts';
import { LAST_MAP } from './fields.ts';

/** i32: whether the region of a memory map's entry holds an address of a physical address space. */
function holds(entry: Val, pa: Val, pas: Val): Val {
  const base = load('i64', entry, MM_BASE);
  const inside = pa.sub(base).ltU(load('i64', entry, MM_END).sub(base));
  return inside.and(load('i32', entry, MM_FLAGS).shrU(pas.add(MM_PAS)));
}

/**
 * i32: host address of a physical address in a RAM-like region that answers in address space `pas`, or 0. The region's entry in
 * the memory map is then at LAST_MAP.
 */
export function physicalHost(link: Link, cpu: Val, pa: Val, pas: Val): Val {
  const entry = load('i32', cpu, LAST_MAP);
  return choose(
    holds(entry, pa, pas),
    I32,
    () => pa.lo32().add(load('i32', entry, MM_DELTA)),
    () => call(link('findRegion'), cpu, pa, pas),
  );
}

export function definePhysical(lib: Library): void {
  /** The same when another region than the last is asked for. */
  lib.define('findRegion', [I32, I64, I32], I32, (_link, c, p, s) => {
    const [cpu, pa, pas] = [c!, p!, s!];
    const at = variable(I32, MEMMAP);
    loop((again) => {
      const entry = at.get();
      iff(holds(entry, pa, pas), () => {
        store('i32', cpu, entry, LAST_MAP);
        ret(pa.lo32().add(load('i32', entry, MM_DELTA)));
      });
      at.set(entry.add(MEMMAP_ENTRY));
      brIf(at.get().ltU(MEMMAP + MEMMAP_ENTRIES * MEMMAP_ENTRY), again);
    });
    ret(i32(0));
  });
}
