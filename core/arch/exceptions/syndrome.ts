/** ISS[24:14] of Data Aborts that a hypervisor may emulate: what the instruction loads or stores (LSInstructionSyndrome). */
import { iff, ret, unlikely } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32 } from '../../wasm/opcodes.ts';
import { i32, select, type Val } from '../../wasm/value.ts';

export const syndrome = new Library();

const ISV = 1 << 24;

/** i32 0/1: the bits of `w` under `mask` are `value`. */
const is = (w: Val, mask: number, value: number): Val => w.and(mask).eq(value);

/**
 * (instruction) → ISV, SAS, SSE, SRT, SF, AR; or 0 when it is no load or store of a single general register, or writes its base
 * back, or is exclusive or an atomic operation.
 */
syndrome.define('dataAbortSyndrome', [I32], I32, (_link, word) => {
  const w = word!;
  const size = w.shrU(30);
  const srt = w.and(31).shl(16).or(ISV);
  /** Loads and stores with opc in bits [23:22]: 0 store, 1 load, 2 and 3 load with sign to 64 and 32 bits. */
  const byOpc = (extra: number): void => {
    const opc = w.bits(22, 2);
    const signed = opc.shrU(1);
    const sf = select(signed, opc.and(1).xor(1), size.eq(3));
    ret(srt.or(size.shl(22)).or(signed.shl(21)).or(sf.shl(15)).or(extra));
  };
  const AR = 1 << 14;
  // Unsigned offset; unscaled and unprivileged; register offset.
  const unsigned = is(w, 0x3f000000, 0x39000000);
  const unscaled = is(w, 0x3f200400, 0x38000000);
  const register = is(w, 0x3f200c00, 0x38200800);
  iff(unsigned.or(unscaled).or(register), () => byOpc(0));
  // LDAPUR and STLUR.
  iff(is(w, 0x3f200c00, 0x19000000), () => byOpc(AR));
  // LDAPR; LDAR, STLR, LDLAR and STLLR.
  const ldapr = is(w, 0x3ffffc00, 0x38bfc000);
  const ordered = is(w, 0x3fa00000, 0x08800000);
  iff(ldapr.or(ordered), () => ret(srt.or(size.shl(22)).or(size.eq(3).shl(15)).or(AR)));
  // LDR and LDRSW (literal).
  unlikely(is(w, 0x3f000000, 0x18000000).and(size.ne(3)), () => {
    const sas = select(size.eq(1), i32(3), i32(2));
    ret(srt.or(sas.shl(22)).or(size.eq(2).shl(21)).or(size.ne(0).shl(15)));
  });
  ret(i32(0));
});
