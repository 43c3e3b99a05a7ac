/** Names of accesses, and the flags with which slow paths are told what an access is. */
import type { Access, Bytes } from '../arch/semantics.ts';
import { F32, F64, I32, I64 } from '../wasm/opcodes.ts';
import { i32, op, type Val } from '../wasm/value.ts';
import { TLB_ENTRY_SHIFT, TLB_INDEX_MASK } from './abi.ts';

/** Flags of the slow paths' `info` argument, above log2(bytes) in bits [2:0]. */
export const INFO = {
  write: 8,
  unprivileged: 16,
  ordered: 32,
  aligned: 64,
  atomic: 128,
  exec: 256,
  /** One byte of a misaligned access that crosses pages: faults on Device memory. */
  split: 512,
  /** Part of an access that was looked at as a whole for watchpoints. */
  watched: 1024,
} as const;

/** Bytes of an access from its info. */
export const bytesOf = (info: Val): Val => i32(1).shl(info.and(7));

/** The TLB entry that may serve `va` in the bank at `bank`: the only place that knows how a bank is indexed in generated code. */
export const tlbEntry = (bank: Val, va: Val): Val =>
  bank.add(
    va
      .shrU(12 - TLB_ENTRY_SHIFT)
      .lo32()
      .and(TLB_INDEX_MASK),
  );

export function infoOf(bytes: Bytes, write: boolean, opts: Access | undefined): number {
  return (
    Math.log2(bytes) |
    (write || opts?.write ? INFO.write : 0) |
    (opts?.unprivileged ? INFO.unprivileged : 0) |
    (opts?.ordered ? INFO.ordered : 0) |
    (opts?.aligned ? INFO.aligned : 0)
  );
}

/** The same for `atomicAddress`: strictly aligned, and reading and writing unless it is for one of the two. */
export function atomicInfoOf(bytes: Bytes, opts: Access | undefined): number {
  const info = infoOf(bytes, opts?.only !== 'read', { ...opts, aligned: true });
  return opts?.only ? info : info | INFO.atomic;
}

/** What a load of kind `access` yields, from the raw zero-extended i64 of a slow path. */
export function fromRaw(access: string, raw: Val): Val {
  const narrow = /^i(32|64)_(8|16|32)([su])$/.exec(access);
  if (narrow) {
    const v = narrow[1] === '32' ? raw.lo32() : raw;
    return narrow[3] === 's' ? v.sext(Number(narrow[2]) as 8 | 16 | 32) : v;
  }
  switch (access) {
    case 'i32':
      return raw.lo32();
    case 'i64':
      return raw;
    case 'f32':
      return op('f32.reinterpret_i32', raw.lo32());
    case 'f64':
      return op('f64.reinterpret_i64', raw);
    default:
      throw new Error(`no raw form of ${access}`);
  }
}
/** The raw i64 that a store of kind `access` hands to a slow path. */
export function toRaw(v: Val): Val {
  switch (v.ty) {
    case I32:
      return v.zext64();
    case I64:
      return v;
    case F32:
      return op('i32.reinterpret_f32', v).zext64();
    case F64:
      return op('i64.reinterpret_f64', v);
    default:
      throw new Error('no raw form');
  }
}
export const typeOf = (access: string): typeof I32 | typeof I64 | typeof F32 | typeof F64 =>
  access.startsWith('i32') ? I32 : access.startsWith('i64') ? I64 : access.startsWith('f32') ? F32 : F64;
export const infoVal = (n: number): Val => i32(n);
