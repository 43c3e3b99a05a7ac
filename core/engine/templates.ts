/**
 * Templates: records of instruction words met before, from which most records are filled without decoding anything. The table is
 * written here, and read by generated code, unless the host wants to be asked about each record.
 */
import { iff, load, ret, store, variable } from '../wasm/build.ts';
import { Library } from '../wasm/library.ts';
import { I32 } from '../wasm/opcodes.ts';
import { i32, select } from '../wasm/value.ts';
import {
  PAGE_HOST,
  PAGE_WORDS,
  REC_ACTIVE,
  REC_BASE_HANDLER,
  REC_IMM,
  REC_OPS,
  REC_SHIFT,
  TEMPLATE_BITS,
  TEMPLATE_BRANCH,
  TEMPLATE_HANDLERS,
  TEMPLATE_HASH,
  TEMPLATE_HI,
  TEMPLATE_LO,
  TEMPLATE_OPS,
  TEMPLATE_SHIFT,
  TEMPLATE_WORD,
} from './abi.ts';
import type { Decoded } from './decoded.ts';

export const templates = new Library();

/**
 * (records of the page, record, templates, far) → handler, or 0: not known. Fills the record for the word that memory has now. `far`:
 * direct branches go by their distance even inside their page.
 */
templates.define('fillRecord', [I32, I32, I32, I32], I32, (_link, b, r, table, far) => {
  const [base, rec] = [b!, r!];
  const offset = rec.sub(base).shrU(REC_SHIFT - 2);
  const word = variable(I32, load('i32', load('i32', base, PAGE_HOST).add(offset)));
  const place = word
    .get()
    .mul(TEMPLATE_HASH | 0)
    .shrU(32 - TEMPLATE_BITS)
    .shl(TEMPLATE_SHIFT);
  const at = variable(I32, table!.add(place)).get();
  iff(load('i32', at, TEMPLATE_WORD).eq(word.get()), () => {
    const distance = load('i32', at, TEMPLATE_LO);
    const inPage = offset.add(distance).and(~0xfff).eqz();
    const near = variable(I32, load('i32', at, TEMPLATE_BRANCH).ne(0).and(inPage).and(far!.eqz())).get();
    const handlers = load('i32', at, TEMPLATE_HANDLERS);
    const handler = variable(I32, select(near, handlers.shrU(16), handlers.and(0xffff))).get();
    iff(handler, () => {
      store('i32', base.add(offset), word.get(), PAGE_WORDS);
      store('i32', rec, load('i32', at, TEMPLATE_OPS), REC_OPS);
      store('i32', rec, select(near, distance.shl(REC_SHIFT - 2), distance), REC_IMM);
      store('i32', rec, load('i32', at, TEMPLATE_HI), REC_IMM + 4);
      store('i32_16', rec, handler, REC_BASE_HANDLER);
      store('i32_16', rec, handler, REC_ACTIVE);
      ret(handler);
    });
  });
  ret(i32(0));
});

/** Notes templates in the table at `base`. */
export class Templates {
  private readonly base: number;
  private readonly u32: Uint32Array;

  constructor(memory: SharedArrayBuffer, base: number) {
    this.u32 = new Uint32Array(memory);
    this.base = base;
  }
  /** Remembers what `fillRecord` needs: the handler of this instruction, or of the same branch inside its page. */
  note(word: number, d: Decoded, near: boolean, handler: number): void {
    const place = Math.imul(word, TEMPLATE_HASH) >>> (32 - TEMPLATE_BITS);
    const at = this.base + (place << TEMPLATE_SHIFT);
    const set = (field: number, v: number): void => {
      this.u32[(at + field) >> 2] = v;
    };
    const known = this.u32[(at + TEMPLATE_WORD) >> 2] === word >>> 0;
    const old = known ? this.u32[(at + TEMPLATE_HANDLERS) >> 2]! : 0;
    let ops = 0;
    for (const [i, o] of d.ops.entries()) ops |= o << (8 * i);
    set(TEMPLATE_WORD, word);
    set(TEMPLATE_HANDLERS, near ? (old & 0xffff) | (handler << 16) : (old & ~0xffff) | handler);
    set(TEMPLATE_OPS, ops);
    set(TEMPLATE_LO, d.target ?? d.immLo);
    set(TEMPLATE_HI, d.immHi);
    set(TEMPLATE_BRANCH, d.target === null ? 0 : 1);
  }
}
