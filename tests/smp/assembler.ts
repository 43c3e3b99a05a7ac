/** Builds programs for bare cores out of instruction words: a register is its number, 31 is XZR (or SP as a base). */

export type Reg = number;
export const ZR = 31;

const SIZES = { 1: 0, 2: 1, 4: 2, 8: 3 } as const;
export type Size = keyof typeof SIZES;
const size = (bytes: Size): number => SIZES[bytes] << 30;

/** Barriers by name: CRm and op2 of the instruction. */
const BARRIERS = {
  'dmb ish': [11, 5],
  'dmb ishld': [9, 5],
  'dmb ishst': [10, 5],
  'dsb sy': [15, 4],
  isb: [15, 6],
} as const;
export type Barrier = keyof typeof BARRIERS;

/** Conditions of B.cond. */
const CONDITIONS = { eq: 0, ne: 1, hs: 2, lo: 3, ge: 10, lt: 11, gt: 12, le: 13 } as const;

/** Read-modify-write operations of LSE: o3 and opc. */
const OPERATIONS = {
  add: 0o00,
  clr: 0o01,
  eor: 0o02,
  set: 0o03,
  smax: 0o04,
  smin: 0o05,
  umax: 0o06,
  umin: 0o07,
  swp: 0o10,
} as const;
export type Operation = keyof typeof OPERATIONS;

/** How an atomic orders: bits 23 (acquire) and 22 (release). */
export type Order = '' | 'a' | 'l' | 'al';
const acquires = (order: Order): number => (order.includes('a') ? 1 : 0);
const releases = (order: Order): number => (order.includes('l') ? 1 : 0);

export class Assembler {
  readonly words: number[] = [];
  private readonly labels = new Map<string, number>();
  private readonly fixes: { at: number; label: string; width: number; low: number }[] = [];
  private unique = 0;

  word(w: number): this {
    this.words.push(w >>> 0);
    return this;
  }
  label(name: string): this {
    if (this.labels.has(name)) throw new Error(`label ${name} twice`);
    this.labels.set(name, this.words.length);
    return this;
  }
  /** A name that no other label has. */
  fresh(): string {
    return `.${this.unique++}`;
  }
  protected branch(w: number, label: string, width: number, low: number): this {
    this.fixes.push({ at: this.words.length, label, width, low });
    return this.word(w);
  }
  /** The words, with branches pointing where they should. */
  finish(): readonly number[] {
    for (const { at, label, width, low } of this.fixes) {
      const to = this.labels.get(label);
      if (to === undefined) throw new Error(`no label ${label}`);
      this.words[at] = (this.words[at]! | (((to - at) & (2 ** width - 1)) << low)) >>> 0;
    }
    this.fixes.length = 0;
    return this.words;
  }

  // Control.
  b(label: string): this {
    return this.branch(0x14000000, label, 26, 0);
  }
  bIf(condition: keyof typeof CONDITIONS, label: string): this {
    return this.branch(0x54000000 | CONDITIONS[condition], label, 19, 5);
  }
  cbz(t: Reg, label: string): this {
    return this.branch(0xb4000000 | t, label, 19, 5);
  }
  cbnz(t: Reg, label: string): this {
    return this.branch(0xb5000000 | t, label, 19, 5);
  }
  barrier(name: Barrier): this {
    const [crm, op2] = BARRIERS[name];
    return this.word(0xd503301f | (crm << 8) | (op2 << 5));
  }
  yield(): this {
    return this.word(0xd503203f);
  }
  /** HLT #0xf000. */
  semihost(): this {
    return this.word(0xd45e0000);
  }

  // Registers.
  movImm(d: Reg, value: number | bigint): this {
    const v = BigInt.asUintN(64, BigInt(value));
    this.word(0xd2800000 | (Number(v & 0xffffn) << 5) | d);
    for (let part = 1; part < 4; part++) {
      const bits = Number((v >> BigInt(16 * part)) & 0xffffn);
      if (bits) this.word(0xf2800000 | (part << 21) | (bits << 5) | d);
    }
    return this;
  }
  mov(d: Reg, m: Reg): this {
    return this.word(0xaa0003e0 | (m << 16) | d);
  }
  add(d: Reg, n: Reg, m: Reg): this {
    return this.word(0x8b000000 | (m << 16) | (n << 5) | d);
  }
  addImm(d: Reg, n: Reg, imm: number): this {
    return this.word((imm < 0 ? 0xd1000000 : 0x91000000) | (Math.abs(imm) << 10) | (n << 5) | d);
  }
  subs(d: Reg, n: Reg, m: Reg): this {
    return this.word(0xeb000000 | (m << 16) | (n << 5) | d);
  }
  and(d: Reg, n: Reg, m: Reg): this {
    return this.word(0x8a000000 | (m << 16) | (n << 5) | d);
  }
  eor(d: Reg, n: Reg, m: Reg): this {
    return this.word(0xca000000 | (m << 16) | (n << 5) | d);
  }
  andImmLow(d: Reg, n: Reg, bits: number): this {
    return this.word(0x92400000 | ((bits - 1) << 10) | (n << 5) | d);
  }
  mrs(t: Reg, op0: number, op1: number, crn: number, crm: number, op2: number): this {
    return this.word(0xd5300000 | ((op0 & 1) << 19) | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5) | t);
  }
  msr(t: Reg, op0: number, op1: number, crn: number, crm: number, op2: number): this {
    return this.word(0xd5100000 | ((op0 & 1) << 19) | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5) | t);
  }

  // Memory: [Xn].
  ldr(t: Reg, n: Reg, bytes: Size = 8): this {
    return this.word(0x39400000 | size(bytes) | (n << 5) | t);
  }
  str(t: Reg, n: Reg, bytes: Size = 8): this {
    return this.word(0x39000000 | size(bytes) | (n << 5) | t);
  }
  ldp(t: Reg, t2: Reg, n: Reg): this {
    return this.word(0xa9400000 | (t2 << 10) | (n << 5) | t);
  }
  stp(t: Reg, t2: Reg, n: Reg): this {
    return this.word(0xa9000000 | (t2 << 10) | (n << 5) | t);
  }
  /** LDR Xt, [Xn, Xm]. */
  ldrIndexed(t: Reg, n: Reg, m: Reg): this {
    return this.word(0xf8606800 | (m << 16) | (n << 5) | t);
  }
  ldar(t: Reg, n: Reg, bytes: Size = 8): this {
    return this.word(0x08dffc00 | size(bytes) | (n << 5) | t);
  }
  stlr(t: Reg, n: Reg, bytes: Size = 8): this {
    return this.word(0x089ffc00 | size(bytes) | (n << 5) | t);
  }
  ldapr(t: Reg, n: Reg, bytes: Size = 8): this {
    return this.word(0x38bfc000 | size(bytes) | (n << 5) | t);
  }
  ldxr(t: Reg, n: Reg, bytes: Size = 8, acquire = false): this {
    return this.word(0x085f7c00 | size(bytes) | (acquire ? 1 << 15 : 0) | (n << 5) | t);
  }
  stxr(status: Reg, t: Reg, n: Reg, bytes: Size = 8, release = false): this {
    return this.word(0x08007c00 | size(bytes) | (status << 16) | (release ? 1 << 15 : 0) | (n << 5) | t);
  }
  /** Pairs: `bytes` of each register. */
  ldxp(t: Reg, t2: Reg, n: Reg, bytes: 4 | 8, acquire = false): this {
    return this.word(0x087f0000 | size(bytes) | (acquire ? 1 << 15 : 0) | (t2 << 10) | (n << 5) | t);
  }
  stxp(status: Reg, t: Reg, t2: Reg, n: Reg, bytes: 4 | 8, release = false): this {
    const fields = (status << 16) | (release ? 1 << 15 : 0) | (t2 << 10) | (n << 5) | t;
    return this.word(0x08200000 | size(bytes) | fields);
  }
  /** LD<op> or SWP: memory with Xs, the old value to Xt. */
  atomic(op: Operation, s: Reg, t: Reg, n: Reg, bytes: Size = 8, order: Order = ''): this {
    const fields = (acquires(order) << 23) | (releases(order) << 22) | (s << 16) | (OPERATIONS[op] << 12);
    return this.word(0x38200000 | size(bytes) | fields | (n << 5) | t);
  }
  /** CAS: Xs is compared, and gets the old value. */
  cas(s: Reg, t: Reg, n: Reg, bytes: Size = 8, order: Order = ''): this {
    const fields = (acquires(order) << 22) | (releases(order) << 15) | (s << 16);
    return this.word(0x08a07c00 | size(bytes) | fields | (n << 5) | t);
  }
  casp(s: Reg, t: Reg, n: Reg, bytes: 4 | 8, order: Order = ''): this {
    const fields = (acquires(order) << 22) | (releases(order) << 15) | (s << 16);
    return this.word(0x08207c00 | (bytes === 8 ? 1 << 30 : 0) | fields | (n << 5) | t);
  }
}
