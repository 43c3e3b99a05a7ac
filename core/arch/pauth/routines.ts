/** Pointer authentication in all its variants, as routines: what compiled code does not do inline. */
import { call, iff, load, ret, store, tailCall, unlikely, variable } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32, I64 } from '../../wasm/opcodes.ts';
import { i32, i64, select, type Val } from '../../wasm/value.ts';
import { currentEl, reg } from '../exceptions/view.ts';
import * as state from '../state.ts';
import { MODE_FIELD } from '../state.ts';
import { CONFIG, FAILED, INSTRUCTION, PAUTH } from './config.ts';
import { trapLevel } from './context.ts';
import { fastPac } from './fast.ts';
import { combined, partsSigned, partsUnsigned, RANGE_BIT, separated } from './fields.ts';

export const routines = new Library();

/** Bits of the last argument of `pauthAuth`: key B, and "part of a branch or load". */
export const AUTH = { keyB: 1, combined: 2 } as const;
/** Exception class of a trapped use of a key. */
const EC_PAUTH = 0x09;
const has = (config: Val, flag: number): Val => config.and(flag).ne(0);

/** (cpu, data, modifier, key low, key high) → 64 bits of code (ComputePAC). */
routines.define('pauthCode', [I32, I64, I64, I64, I64], I64, (link, cpu, data, modifier, low, high) => {
  const config = load('i32', cpu!, CONFIG);
  iff(has(config, PAUTH.qarma5), () => ret(call(link('qarma5'), data!, modifier!, low!, high!)));
  iff(has(config, PAUTH.qarma3), () => ret(call(link('qarma3'), data!, modifier!, low!, high!)));
  ret(fastPac(data!, modifier!, low!, high!));
});

const words =
  (cpu: Val, place: Val) =>
  (offset: number): Val =>
    load('i64', cpu.add(place), offset);

/** (cpu, pointer, modifier, key low, key high, offset of the pointer fields) → signed pointer (AddPAC). */
routines.define('pauthSign', [I32, I64, I64, I64, I64, I32], I64, (link, c, p, modifier, low, high, place) => {
  const [cpu, pointer] = [c!, p!];
  const parts = partsUnsigned(words(cpu, place!), pointer);
  const { range, field } = parts;
  const config = load('i32', cpu, CONFIG);
  const pac = variable(I64, call(link('pauthCode'), cpu, parts.canonical, modifier!, low!, high!));
  iff(has(config, PAUTH.pauth2), () => ret(combined(pointer, parts, pac.get())));
  // A pointer whose extension bits are not all the same must not get a PAC that will be accepted.
  const extension = pointer.and(field);
  iff(extension.ne(0).and(extension.ne(field)), () => {
    const flipped = pac.get().xor(select(field.ltS(0), i64(1n << 62n), i64(1n << 54n)));
    pac.set(select(has(config, PAUTH.epac), i64(0), flipped));
  });
  ret(
    pointer
      .and(field.not())
      .or(pac.get().and(field).and(~RANGE_BIT))
      .or(range.and(i64(RANGE_BIT))),
  );
});

/**
 * (cpu, pointer, modifier, key low, key high, offset of the pointer fields, AUTH bits) → authenticated pointer (Auth). FAILED
 * becomes 1 where a wrong pointer makes an exception.
 */
routines.define(
  'pauthAuth',
  [I32, I64, I64, I64, I64, I32, I32],
  I64,
  (link, c, p, modifier, low, high, place, how) => {
    const [cpu, pointer] = [c!, p!];
    const parts = partsSigned(words(cpu, place!), pointer);
    const { field, canonical } = parts;
    const config = load('i32', cpu, CONFIG);
    const pac = call(link('pauthCode'), cpu, canonical, modifier!, low!, high!);
    store('i32', cpu, i32(0), FAILED);
    iff(has(config, PAUTH.pauth2), () => {
      const found = separated(pointer, parts, pac);
      const faults = select(how!.and(AUTH.combined), config.and(PAUTH.fpacCombine), config.and(PAUTH.fpac));
      store('i32', cpu, found.ne(canonical).and(faults.ne(0)), FAILED);
      ret(found);
    });
    iff(pac.xor(pointer).and(field).and(~RANGE_BIT).eqz(), () => ret(canonical));
    // The error code, 01 for keys A and 10 for keys B, makes the pointer one that will fault.
    const lowest = select(field.ltS(0), i64(61), i64(53));
    const code = how!.and(AUTH.keyB).add(1).zext64();
    ret(canonical.and(i64(3).shl(lowest).not()).or(code.shl(lowest)));
  },
);

/** (cpu, rec, n): a key is used where that traps (TrapPACUse). */
routines.define('pauthTrap', [I32, I32, I32], I32, (link, cpu, rec, n) => {
  tailCall(link('sysTrap'), cpu!, rec!, n!, trapLevel(cpu!, currentEl(cpu!)), i32(EC_PAUTH), i32(0));
});

/** ERETAA and ERETAB: (cpu, rec, n, key B). Their checks, authentication of ELR_ELx with SP, then the return. */
routines.define('exceptionReturnAuth', [I32, I32, I32, I32], I32, (link, c, rec, n, b) => {
  const cpu = c!;
  const el = currentEl(cpu);
  unlikely(el.eqz(), () => tailCall(link('undefined'), cpu, rec!, n!));
  const iss = call(link('eretAuthTrap'), cpu, b!);
  unlikely(iss, () => tailCall(link('sysTrap'), cpu, rec!, n!, i32(2), i32(0x1a), iss));
  const elr = select(el.eq(1), reg(cpu, 'ELR_EL1'), select(el.eq(2), reg(cpu, 'ELR_EL2'), reg(cpu, 'ELR_EL3')));
  const mode = load('i32', cpu, state.MODE);
  const off = mode.shrU(select(b!, i32(MODE_FIELD.pauthOffIB[0]), i32(MODE_FIELD.pauthOffIA[0]))).and(1);
  iff(off, () => tailCall(link('exceptionReturnTo'), cpu, n!, elr));
  unlikely(mode.bits(MODE_FIELD.pauthTrapped[0], 1), () => tailCall(link('pauthTrap'), cpu, rec!, n!));
  const [low, high] = (['Lo', 'Hi'] as const).map((half) =>
    select(b!, reg(cpu, `APIBKey${half}_EL1`), reg(cpu, `APIAKey${half}_EL1`)),
  ) as [Val, Val];
  const sp = load('i64', cpu, state.X + 8 * state.SLOT_SP);
  const how = b!.and(1).or(AUTH.combined);
  const to = call(link('pauthAuth'), cpu, elr, sp, low, high, i32(INSTRUCTION.low), how);
  unlikely(load('i32', cpu, FAILED), () => tailCall(link('pacFail'), cpu, rec!, n!, b!.and(1)));
  tailCall(link('exceptionReturnTo'), cpu, n!, to);
});
