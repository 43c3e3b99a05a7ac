/** MRS and MSR (register): access checks and the access itself, generated from the table. */
import { iff, unlikely, variable } from '../../wasm/build.ts';
import { I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import type { Sem } from '../semantics.ts';
import { CONFIG, CONFIG_FLAGS, MODE_FIELD } from '../state.ts';
import { checkTraps, e2h, level1, rulesOf, takeTrap, undefinedHere } from './conditions.ts';
import type { El, Register, Trap } from './define.ts';
import { maskVaries, writableMask } from './masks.ts';
import { READERS, ROUTINE_READERS } from './readers.ts';
import { maskOffset, regOffset } from './storage.ts';
import { register } from './table.ts';
import { AFTER, BY_LEVEL, WRITERS } from './writers.ts';

const LEVELS: readonly El[] = [0, 1, 2, 3];

/** What follows from the exception level: UNDEFINED, traps. Cases that need no check cost nothing. */
function check(s: Sem, r: Register, lowest: El, rules: readonly Trap[]): void {
  const el = s.mode(MODE_FIELD.el);
  if (lowest > 0) {
    unlikely(el.ltU(lowest), () => {
      if (r.idSpace) {
        // FEAT_IDST: EL0 traps; EL1 and above never get here.
        const idst = s.state('i32', CONFIG_FLAGS).and(CONFIG_IDST);
        unlikely(idst, () => takeTrap(s, level1(s.cpu)));
      }
      s.leaveTo('undefined');
    });
  }
  // Levels with the same rules are checked together.
  const groups = new Map<string, { readonly levels: El[]; readonly build: (el: El) => void }>();
  for (const level of LEVELS) {
    if (level < lowest) continue;
    const own = rules.filter((t) => t.from.includes(level));
    const kind = r.undefined;
    if (!own.length && kind === undefined) continue;
    const plain = own.every((t) => t.test === undefined && !t.gates.includes('guest')) && kind === undefined;
    const key = plain ? own.map((t) => rules.indexOf(t)).join() : `level ${level}`;
    const known = groups.get(key);
    if (known) known.levels.push(level);
    else {
      const build = (at: El): void => {
        if (kind !== undefined) unlikely(undefinedHere(s, kind, at), () => s.leaveTo('undefined'));
        checkTraps(s, own, at);
      };
      groups.set(key, { levels: [level], build });
    }
  }
  for (const { levels, build } of groups.values()) {
    const from = levels[0]!;
    const at = levels.length === 1 ? el.eq(from) : el.sub(from).ltU(levels.length);
    iff(at, () => build(from));
  }
}
/** CONFIG_FLAGS: FEAT_IDST. */
export const CONFIG_IDST = CONFIG.idst;

/** i32: at EL2 with E2H, where names of EL1 stand for registers of EL2. */
const redirected = (s: Sem): Val => s.mode(MODE_FIELD.el).eq(2).and(e2h(s.cpu));

/** True when MRS of the register may be compiled. */
export const readCompiles = (r: Register): boolean => r.read === undefined || READERS[r.read] !== undefined;
/** True when MSR to the register may be compiled. */
export function writeCompiles(r: Register): boolean {
  const effects = [r.effect, r.vhe === undefined ? undefined : register(r.vhe).effect];
  return effects.every((e) => e === undefined || WRITERS[e]?.compiled === true);
}

export function mrs(s: Sem, r: Register): void {
  check(s, r, r.readEl!, rulesOf(r, 'read'));
  const routine = r.read === undefined ? undefined : ROUTINE_READERS[r.read];
  if (routine) {
    const { argument } = routine;
    s.leaveTo(routine.routine, i32(typeof argument === 'number' ? argument : argument(r)));
    return;
  }
  const reader = r.read === undefined ? null : READERS[r.read];
  if (reader === undefined) throw new Error(`${r.name}: no reader ${r.read}`);
  const value = reader ? reader(s) : readSlot(s, r);
  s.setX('Rt', value);
}
function readSlot(s: Sem, r: Register): Val {
  const own = s.state('i64', regOffset(r.name));
  if (r.vhe === undefined) return own;
  const other = register(r.vhe);
  const atEl2 = (): Val => {
    const value = other.read === undefined ? s.state('i64', regOffset(other.name)) : READERS[other.read]!(s);
    return select(e2h(s.cpu), value, own);
  };
  const el = s.mode(MODE_FIELD.el);
  if (el.kind === 0) return Number(el.k) === 2 ? atEl2() : own;
  const v = variable(I64, own);
  iff(el.eq(2), () => v.set(atEl2()));
  return v.get();
}

export function msr(s: Sem, r: Register): void {
  check(s, r, r.writeEl!, rulesOf(r, 'write'));
  const v = s.x('Rt');
  if (r.vhe === undefined) {
    write(s, r, v);
    return;
  }
  const other = register(r.vhe);
  const same = r.effect === other.effect;
  iff(
    redirected(s),
    () => (same ? writeSlot(s, other, v) : write(s, other, v)),
    () => (same ? writeSlot(s, r, v) : write(s, r, v)),
  );
  if (!same) return;
  if (routineAfter(r) === routineAfter(other)) after(s, r);
  else {
    iff(
      redirected(s),
      () => after(s, other),
      () => after(s, r),
    );
  }
}
function write(s: Sem, r: Register, v: Val): void {
  const writer = r.effect === undefined ? undefined : WRITERS[r.effect];
  if (writer) {
    writer.write(s, v, r);
    return;
  }
  writeSlot(s, r, v);
  after(s, r);
}
/** The routine that goes on after a write; null: none. */
function routineAfter(r: Register): string | null {
  if (r.effect === undefined) return null;
  const routine = AFTER[r.effect];
  if (routine === undefined) throw new Error(`${r.name}: no effect ${r.effect}`);
  const level = /_EL([12])$/.exec(r.storedAs ?? r.name)?.[1] ?? '';
  return BY_LEVEL.includes(r.effect) ? routine + level : routine;
}
function after(s: Sem, r: Register): void {
  const routine = routineAfter(r);
  if (routine !== null) s.leaveTo(routine);
}
/** Stores the bits that can be written; the others keep what they were. */
function writeSlot(s: Sem, r: Register, v: Val): void {
  const at = regOffset(r.name);
  if (maskVaries(r.storedAs === undefined ? r : register(r.storedAs))) {
    const old = s.state('i64', at);
    const mask = s.state('i64', maskOffset(r.storedAs ?? r.name));
    s.setState('i64', at, old.xor(old.xor(v).and(mask)));
    return;
  }
  const mask = writableMask(r, new Set());
  if (mask === 0n) return;
  if (mask === (1n << 64n) - 1n) {
    s.setState('i64', at, v);
    return;
  }
  const kept = r.fields?.some((f) => f.readOnly || f.res1) || r.reset !== undefined;
  if (!kept) {
    s.setState('i64', at, v.and(i64(mask)));
    return;
  }
  const old = s.state('i64', at);
  s.setState('i64', at, old.xor(old.xor(v).and(i64(mask))));
}
