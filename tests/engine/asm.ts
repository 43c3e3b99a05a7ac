/** More instructions for programs of one core: calls, tables, data processing, addressing modes, cache maintenance. */
import { Assembler, type Reg, type Size } from '../smp/assembler.ts';

const lg = (bytes: Size): number => Math.log2(bytes) << 30;

/** Condition codes by number, as CSEL, CCMP and B.cond take them. */
export type Cond = number;

/** Data processing, two registers: base word of the 64-bit form; `clear` bit 31 for 32 bits. */
export const ALU = {
  and: 0x8a000000,
  bic: 0x8a200000,
  orr: 0xaa000000,
  orn: 0xaa200000,
  eor: 0xca000000,
  eon: 0xca200000,
  ands: 0xea000000,
  bics: 0xea200000,
  add: 0x8b000000,
  adds: 0xab000000,
  sub: 0xcb000000,
  subs: 0xeb000000,
  adc: 0x9a000000,
  adcs: 0xba000000,
  sbc: 0xda000000,
  sbcs: 0xfa000000,
  udiv: 0x9ac00800,
  sdiv: 0x9ac00c00,
  lslv: 0x9ac02000,
  lsrv: 0x9ac02400,
  asrv: 0x9ac02800,
  rorv: 0x9ac02c00,
  madd: 0x9b007c00,
  smulh: 0x9b407c00,
  umulh: 0x9bc07c00,
} as const;
export type Alu = keyof typeof ALU;

export class Code extends Assembler {
  /** Fills up with NOPs to this many words. */
  padTo(words: number): this {
    if (this.words.length > words) throw new Error(`already ${this.words.length} words`);
    while (this.words.length < words) this.nop();
    return this;
  }
  nop(): this {
    return this.word(0xd503201f);
  }
  eret(): this {
    return this.word(0xd69f03e0);
  }
  svc(n = 0): this {
    return this.word(0xd4000001 | (n << 5));
  }

  // Control.
  bl(label: string): this {
    return this.branch(0x94000000, label, 26, 0);
  }
  br(n: Reg): this {
    return this.word(0xd61f0000 | (n << 5));
  }
  blr(n: Reg): this {
    return this.word(0xd63f0000 | (n << 5));
  }
  ret(n: Reg = 30): this {
    return this.word(0xd65f0000 | (n << 5));
  }
  bCond(cond: Cond, label: string): this {
    return this.branch(0x54000000 | cond, label, 19, 5);
  }
  cbzW(t: Reg, label: string): this {
    return this.branch(0x34000000 | t, label, 19, 5);
  }
  tbz(t: Reg, bit: number, label: string): this {
    return this.branch(0x36000000 | ((bit >> 5) << 31) | ((bit & 31) << 19) | t, label, 14, 5);
  }
  tbnz(t: Reg, bit: number, label: string): this {
    return this.branch(0x37000000 | ((bit >> 5) << 31) | ((bit & 31) << 19) | t, label, 14, 5);
  }
  /** Xd = address of the label; within 1 MB, a multiple of 4 away. */
  adr(d: Reg, label: string): this {
    return this.branch(0x10000000 | d, label, 19, 5);
  }

  // Registers.
  alu(op: Alu, d: Reg, n: Reg, m: Reg, wide = true): this {
    return this.word(((ALU[op] & (wide ? -1 : 0x7fffffff)) | (m << 16) | (n << 5) | d) >>> 0);
  }
  /** ADD, SUB, AND, … with a shifted second register: type 0 LSL, 1 LSR, 2 ASR. */
  aluShifted(op: Alu, d: Reg, n: Reg, m: Reg, type: number, amount: number): this {
    return this.word(ALU[op] | (type << 22) | (m << 16) | (amount << 10) | (n << 5) | d);
  }
  subsImm(d: Reg, n: Reg, imm: number): this {
    return this.word(0xf1000000 | (imm << 10) | (n << 5) | d);
  }
  cmpImm(n: Reg, imm: number): this {
    return this.subsImm(31, n, imm);
  }
  /** CSEL 0, CSINC 1, CSINV 2, CSNEG 3. */
  select(kind: number, d: Reg, n: Reg, m: Reg, cond: Cond): this {
    const base = 0x9a800000 | ((kind >> 1) << 30) | ((kind & 1) << 10);
    return this.word(base | (m << 16) | (cond << 12) | (n << 5) | d);
  }
  /** CCMP Xn, #imm, #nzcv, cond. */
  ccmpImm(n: Reg, imm: number, nzcv: number, cond: Cond): this {
    return this.word(0xfa400800 | (imm << 16) | (cond << 12) | (n << 5) | nzcv);
  }
  /** UBFM, or SBFM. */
  bitfield(signed: boolean, d: Reg, n: Reg, immr: number, imms: number): this {
    return this.word((signed ? 0x93400000 : 0xd3400000) | (immr << 16) | (imms << 10) | (n << 5) | d);
  }
  lsl(d: Reg, n: Reg, by: number): this {
    return this.bitfield(false, d, n, (64 - by) & 63, 63 - by);
  }
  lsr(d: Reg, n: Reg, by: number): this {
    return this.bitfield(false, d, n, by, 63);
  }
  /** Xd = the flags, as NZCV holds them. */
  readFlags(d: Reg): this {
    return this.mrs(d, 3, 3, 4, 2, 0);
  }

  // Memory.
  /** LDR (unsigned offset, in bytes). */
  ldrAt(t: Reg, n: Reg, offset: number, bytes: Size = 8): this {
    return this.word(0x39400000 | lg(bytes) | ((offset / bytes) << 10) | (n << 5) | t);
  }
  strAt(t: Reg, n: Reg, offset: number, bytes: Size = 8): this {
    return this.word(0x39000000 | lg(bytes) | ((offset / bytes) << 10) | (n << 5) | t);
  }
  /** LDUR, STUR. */
  ldur(t: Reg, n: Reg, offset: number, bytes: Size = 8): this {
    return this.word(0x38400000 | lg(bytes) | ((offset & 511) << 12) | (n << 5) | t);
  }
  stur(t: Reg, n: Reg, offset: number, bytes: Size = 8): this {
    return this.word(0x38000000 | lg(bytes) | ((offset & 511) << 12) | (n << 5) | t);
  }
  ldrPost(t: Reg, n: Reg, by: number, bytes: Size = 8): this {
    return this.word(0x38400400 | lg(bytes) | ((by & 511) << 12) | (n << 5) | t);
  }
  strPost(t: Reg, n: Reg, by: number, bytes: Size = 8): this {
    return this.word(0x38000400 | lg(bytes) | ((by & 511) << 12) | (n << 5) | t);
  }
  /** LDR Xt, [Xn, Xm, LSL #3]. */
  ldrScaled(t: Reg, n: Reg, m: Reg): this {
    return this.word(0xf8607800 | (m << 16) | (n << 5) | t);
  }
  /** STR by register offset. */
  strIndexed(t: Reg, n: Reg, m: Reg): this {
    return this.word(0xf8206800 | (m << 16) | (n << 5) | t);
  }
  private pair(base: number, t: Reg, t2: Reg, n: Reg, by: number): this {
    return this.word(base | (((by / 8) & 127) << 15) | (t2 << 10) | (n << 5) | t);
  }
  ldpAt(t: Reg, t2: Reg, n: Reg, offset: number): this {
    return this.pair(0xa9400000, t, t2, n, offset);
  }
  stpAt(t: Reg, t2: Reg, n: Reg, offset: number): this {
    return this.pair(0xa9000000, t, t2, n, offset);
  }
  ldpPost(t: Reg, t2: Reg, n: Reg, by: number): this {
    return this.pair(0xa8c00000, t, t2, n, by);
  }
  stpPost(t: Reg, t2: Reg, n: Reg, by: number): this {
    return this.pair(0xa8800000, t, t2, n, by);
  }
  ldpPre(t: Reg, t2: Reg, n: Reg, by: number): this {
    return this.pair(0xa9c00000, t, t2, n, by);
  }
  stpPre(t: Reg, t2: Reg, n: Reg, by: number): this {
    return this.pair(0xa9800000, t, t2, n, by);
  }
  /** LDR, STR of a vector register, 16 bytes at [Xn, #offset]. */
  ldrQ(t: Reg, n: Reg, offset = 0): this {
    return this.word(0x3dc00000 | ((offset / 16) << 10) | (n << 5) | t);
  }
  strQ(t: Reg, n: Reg, offset = 0): this {
    return this.word(0x3d800000 | ((offset / 16) << 10) | (n << 5) | t);
  }
  /** STUR of a vector register at any offset. */
  sturQ(t: Reg, n: Reg, offset: number): this {
    return this.word(0x3c800000 | ((offset & 511) << 12) | (n << 5) | t);
  }

  // Maintenance, by virtual address in Xt.
  icIvau(t: Reg): this {
    return this.word(0xd50b7520 | t);
  }
  icIallu(): this {
    return this.word(0xd508751f);
  }
  icIalluis(): this {
    return this.word(0xd508711f);
  }
  dcCvau(t: Reg): this {
    return this.word(0xd50b7b20 | t);
  }
  /** TLBI VAAE1IS, Xt (page number). */
  tlbiVaae1is(t: Reg): this {
    return this.word(0xd5088360 | t);
  }
  tlbiVmalle1is(): this {
    return this.word(0xd508831f);
  }
  /** What makes code that was written at [Xt] run: DC CVAU, DSB, IC IVAU, DSB, ISB (B2.7.4.2). */
  codeChanged(t: Reg): this {
    return this.dcCvau(t).barrier('dsb sy').icIvau(t).barrier('dsb sy').barrier('isb');
  }
}
