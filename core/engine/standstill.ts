/**
 * One core alone: the others stand between two instructions while it does what they must not see half done.
 *
 * WebAssembly has no access that reads and changes 16 bytes at once, so a compare-and-swap of 16 bytes stops the other cores; the
 * host does it too (`core/system/mailbox.ts`, same words). A core may be disregarded while it has published `quiet` (it sleeps) or
 * `still` (it stands, or its thread does work that leaves guest memory alone): it looks at `park` after it has taken that
 * back and before it touches guest memory. The stopping core sets `park` before it looks at the others, so one of the two sees the
 * other. Whoever runs is told by PEND.park and comes here from its next taken branch: nothing of this leaves WebAssembly.
 */
import { PEERS, PENDING } from '../arch/state.ts';
import { atomicLoad, atomicStore, br, brIf, call, iff, loop, ret, rmw, run, variable, wait32 } from '../wasm/build.ts';
import { Library, type Link } from '../wasm/library.ts';
import { I32 } from '../wasm/opcodes.ts';
import { i32, type Val } from '../wasm/value.ts';
import { PEND } from './abi.ts';
import { CORE_CONTROL, CORE_STRIDE, CORES, GLOBAL_CONTROL } from './layout.ts';

/** Words of a core's control block: it sleeps; it leaves guest memory alone. */
export const QUIET = 8;
export const STILL = 56;
/** What STILL holds: it stands between two instructions; 1 when it does other work, perhaps within one. */
export const STANDS = 2;
/** Words of the global control block: held by the core that stops others; non-zero while they have to stand. */
export const EXCLUSIVE = 4;
export const PARK = 8;

/** Looks at a word before its thread sleeps, and for how long it sleeps then (nanoseconds): its changes need not wake. */
const SPINS = 3000;
const NAP = 50_000n;

export const standstill = new Library();
const lib = standstill;
const global = (offset: number): Val => i32(GLOBAL_CONTROL + offset);

/** (address, value): returns when the word has another value. */
lib.define('whileWord', [I32, I32], null, (_link, at, value) => {
  const spins = variable(I32, 0);
  loop((again) => {
    iff(atomicLoad('i32', at!).ne(value!), () => ret());
    const n = spins.get().add(1);
    spins.set(n);
    iff(n.gtU(SPINS), () => wait32(at!, value!, NAP));
    br(again);
  });
});
/** For a core that is told by PEND.park to stand: returns when it may go on. */
lib.define('standStill', [I32], null, (link, c) => {
  const own = c!.add(CORE_CONTROL);
  rmw('and', 'i32', c!, i32(~PEND.park), undefined, PENDING);
  loop((again) => {
    atomicStore('i32', own, i32(STANDS), STILL);
    run(link('whileWord'), global(PARK), i32(1));
    atomicStore('i32', own, i32(0), STILL);
    brIf(atomicLoad('i32', global(PARK)), again);
  });
});
/** Emits `body` with the state of every core of another thread; there must be one. */
export function eachOther(link: Link, cpu: Val, body: (other: Val) => void): void {
  const left = variable(I32, call(link('parallelCores'), cpu));
  const at = variable(I32, CORES);
  loop((again) => {
    const other = at.get();
    iff(other.ne(cpu), () => body(other));
    at.set(other.add(CORE_STRIDE));
    const rest = left.get().sub(1);
    left.set(rest);
    brIf(rest, again);
  });
}
/** Stops all cores of other threads until `resume`. Nothing when there are none (PEERS). */
lib.define('standAlone', [I32], null, (link, c) => {
  const cpu = c!;
  iff(call(link('parallelCores'), cpu).eqz(), () => ret());
  const own = cpu.add(CORE_CONTROL);
  const acquire = (): Val => rmw('cmpxchg', 'i32', global(EXCLUSIVE), i32(0), i32(1));
  iff(acquire(), () => {
    atomicStore('i32', own, i32(1), STILL);
    loop((again) => {
      run(link('whileWord'), global(EXCLUSIVE), i32(1));
      brIf(acquire(), again);
    });
    atomicStore('i32', own, i32(0), STILL);
  });
  atomicStore('i32', global(PARK), i32(1));
  eachOther(link, cpu, (other) => run(link('awaitStill'), other));
});
/** How many cores run in threads of their own; 0: this one needs nobody to stop. */
lib.define('parallelCores', [I32], I32, (_link, cpu) => ret(atomicLoad('i32', cpu!, PEERS).shrU(1)));
/** (state of another core): returns when it stands or sleeps. */
lib.define('awaitStill', [I32], null, (_link, o) => {
  const other = o!.add(CORE_CONTROL);
  const standing = (): void => iff(atomicLoad('i32', other, QUIET).or(atomicLoad('i32', other, STILL)), () => ret());
  standing();
  rmw('or', 'i32', o!, i32(PEND.park), undefined, PENDING);
  const spins = variable(I32, 0);
  loop((again) => {
    standing();
    const n = spins.get().add(1);
    spins.set(n);
    iff(n.gtU(SPINS), () => wait32(other.add(STILL), i32(0), NAP));
    br(again);
  });
});
lib.define('resume', [I32], null, (link, cpu) => {
  iff(call(link('parallelCores'), cpu!).eqz(), () => ret());
  atomicStore('i32', global(PARK), i32(0));
  atomicStore('i32', global(EXCLUSIVE), i32(0));
});
