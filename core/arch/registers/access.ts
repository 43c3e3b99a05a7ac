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
import { AFTER, BY_LEVEL, FROM_ABOVE, WRITERS } from './writers.ts';

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
/** True when MSR to the register may be compiled: what follows from a change may still be left to the interpreter. */
export function writeCompiles(r: Register): boolean {
  const effects = [r.effect, r.vhe === undefined ? undefined : register(r.vhe).effect];
  return effects.every((e) => e === undefined || WRITERS[e]?.compiled !== false);
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
  iff(
    redirected(s),
    () => write(s, other, v),
    () => write(s, r, v),
  );
}
function write(s: Sem, r: Register, v: Val): void {
  const writer = r.effect === undefined ? undefined : WRITERS[r.effect];
  if (writer) {
    writer.write(s, v, r);
    return;
  }
  const now = slotAfter(s, r, v);
  if (now === null) return;
  const set = (): void => s.setState('i64', regOffset(r.name), now);
  const routine = routineAfter(r);
  if (routine === null) {
    set();
    return;
  }
  // Nothing follows from writing what the register holds already. Of what compiled code leaves undone the interpreter does all.
  const asOwn = (): void =>
    unlikely(now.ne(s.state('i64', regOffset(r.name))), () => {
      if (s.interpreting) set();
      s.leaveTo(routine);
    });
  const above = s.interpreting ? undefined : FROM_ABOVE[routine];
  if (above === undefined) asOwn();
  else
    iff(
      s.mode(MODE_FIELD.el).gtU(above.level),
      () => {
        if (above.unless) unlikely(above.unless(s), () => s.leaveTo(routine));
        set();
        if (above.effect === null) return;
        const [name, ...args] = above.effect;
        s.effect(name, ...args.map((n) => i32(n)));
      },
      asOwn,
    );
}
/** The routine that goes on after a write; null: none. */
function routineAfter(r: Register): string | null {
  if (r.effect === undefined) return null;
  const routine = AFTER[r.effect];
  if (routine === undefined) throw new Error(`${r.name}: no effect ${r.effect}`);
  const level = /_EL([12])$/.exec(r.storedAs ?? r.name)?.[1] ?? '';
  return BY_LEVEL.includes(r.effect) ? routine + level : routine;
}
/** What a slot holds after a write of `v`, as the bits that cannot be written keep what they were; null: none can. */
function slotAfter(s: Sem, r: Register, v: Val): Val | null {
  const under = (mask: Val): Val => {
    const old = s.state('i64', regOffset(r.name));
    return old.xor(old.xor(v).and(mask));
  };
  if (maskVaries(r.storedAs === undefined ? r : register(r.storedAs))) {
    return under(s.state('i64', maskOffset(r.storedAs ?? r.name)));
  }
  const mask = writableMask(r, new Set());
  if (mask === 0n) return null;
  if (mask === (1n << 64n) - 1n) return v;
  const kept = r.fields?.some((f) => f.readOnly || f.res1) || r.reset !== undefined;
  return kept ? under(i64(mask)) : v.and(i64(mask));
}
