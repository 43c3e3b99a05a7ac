/**
 * Random programs with control flow: blocks that branch to each other at will (loops into loops, jumps into the middle of loops,
 * calls whose returns go elsewhere, jump tables), with arithmetic, memory accesses and faults that a handler steps over. They end
 * because each block uses up fuel.
 */
import { ALU, type Alu, Code } from './asm.ts';
import { DATA, INVALID, type Machine, NORMAL, READ_ONLY, SAME_LEVEL } from './machine.ts';

/** A generator of pseudo-random numbers (Mulberry32). */
export class Random {
  private a: number;
  constructor(seed: number) {
    this.a = seed >>> 0;
  }
  next(): number {
    this.a = (this.a + 0x6d2b79f5) >>> 0;
    let t = this.a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  below(n: number): number {
    return this.next() % n;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

// X0–X11 hold data. The others have fixed roles.
const POINTER = 12;
const INDEX = 13;
const STATUS = 14;
const TARGET = 15;
const FUEL = 18;
const BASE = 19;
const HOLE = 20;
const TABLE = 21;
const [H0, H1] = [22, 23];
const FAULTS = 24;
const EDGE = 25;
const LOOP = 26;
const LINK = 30;

/** Pages of DATA: plain memory, then the jump table, a hole, a page that is read-only, and one more. */
const PLAIN_BYTES = 0x8000;
const TABLE_AT = DATA + PLAIN_BYTES;
const HOLE_AT = DATA + 0x10000;
const READ_ONLY_AT = DATA + 0x12000;
export const DATA_BYTES = 0x20000;

export const pagesOfRandom = (page: number): bigint =>
  page === HOLE_AT ? INVALID() : page === READ_ONLY_AT ? READ_ONLY(page) : NORMAL(page);

const ALUS = Object.keys(ALU) as Alu[];

export interface RandomProgram {
  readonly code: Code;
  readonly blocks: number;
  /** Word index of each block, for the jump table. */
  readonly at: readonly number[];
}

export function randomProgram(seed: number): RandomProgram {
  const r = new Random(seed);
  const a = new Code();
  const blocks = 4 + r.below(16);
  const at: number[] = [];
  const name = (n: number): string => `b${n}`;
  const any = (): string => name(r.below(blocks));
  const data = (): number => r.below(12);
  a.adr(LINK, 'end').b(any());
  for (let n = 0; n < blocks; n++) {
    at.push(a.words.length);
    a.label(name(n));
    a.addImm(FUEL, FUEL, -1).cbz(FUEL, 'end');
    const inner = r.chance(35);
    if (inner) a.movImm(LOOP, 1 + r.below(90)).label(`${name(n)}.loop`);
    for (let k = r.below(9); k > 0; k--) instruction(a, r, data);
    if (inner) a.addImm(LOOP, LOOP, -1).cbnz(LOOP, `${name(n)}.loop`);
    terminator(a, r, n, any, data);
  }
  a.label('end').readFlags(H0).movImm(0, 0).semihost();
  return { code: a, blocks, at };
}

function terminator(a: Code, r: Random, n: number, any: () => string, data: () => number): void {
  switch (r.below(12)) {
    case 0:
      a.b(any());
      break;
    case 1:
    case 2:
    case 3:
      a.bCond(r.below(16), any());
      break;
    case 4:
      a.cbz(data(), any());
      break;
    case 5:
      a.tbnz(data(), r.below(64), any());
      break;
    case 6:
      a.bl(any());
      break;
    case 7:
      a.ret(LINK);
      break;
    case 8:
      // Through the table: any block, depending on data.
      a.alu('and', TARGET, data(), TARGET - 1)
        .andImmLow(TARGET, data(), 4)
        .ldrScaled(TARGET, TABLE, TARGET);
      if (r.chance(50)) a.br(TARGET);
      else a.blr(TARGET);
      break;
    case 9:
      // A return that is not to behind the call.
      a.adr(LINK, any()).bl(`b${n}.over`).label(`b${n}.over`).adr(LINK, any()).ret(LINK);
      break;
    case 10:
      a.cbzW(data(), any());
      break;
    default:
  }
}

/** Puts an address within plain memory into POINTER, at times close to the end of a page. */
function address(a: Code, r: Random, data: () => number): void {
  if (r.chance(30)) a.addImm(POINTER, EDGE, r.below(40) - 20);
  else {
    a.andImmLow(INDEX, data(), 14);
    if (r.chance(70)) a.bitfield(false, INDEX, INDEX, 4, 14).lsl(INDEX, INDEX, 4);
    a.add(POINTER, BASE, INDEX);
  }
}

function instruction(a: Code, r: Random, data: () => number): void {
  const [d, n, m] = [data(), data(), data()];
  const size = r.pick([1, 2, 4, 8] as const);
  switch (r.below(24)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      a.alu(r.pick(ALUS), d, n, m, r.chance(70));
      break;
    case 5:
      a.aluShifted(
        r.pick(['add', 'sub', 'adds', 'subs', 'ands', 'orr', 'eon'] as const),
        d,
        n,
        m,
        r.below(3),
        r.below(64),
      );
      break;
    case 6:
      a.subsImm(r.chance(50) ? 31 : d, n, r.below(4096));
      break;
    case 7:
      a.select(r.below(4), d, n, m, r.below(16));
      break;
    case 8:
      a.ccmpImm(n, r.below(32), r.below(16), r.below(16));
      break;
    case 9:
      a.bitfield(r.chance(50), d, n, r.below(64), r.below(64));
      break;
    case 10:
      a.movImm(d, r.next());
      break;
    case 11:
    case 12:
      address(a, r, data);
      a.ldur(d, POINTER, r.below(64) - 32, size);
      break;
    case 13:
    case 14:
      address(a, r, data);
      a.stur(d, POINTER, r.below(64) - 32, size);
      break;
    case 15:
      address(a, r, data);
      a.stpPost(d, n, POINTER, 8 * (r.below(8) - 4));
      a.ldpPre(d, d === m ? 31 : m, POINTER, 8 * (r.below(8) - 4));
      break;
    case 16:
      address(a, r, data);
      a.alu('and', POINTER, POINTER, 28);
      a.atomic(
        r.pick(['add', 'clr', 'eor', 'set', 'smax', 'umin', 'swp'] as const),
        d,
        n,
        POINTER,
        size,
        r.pick(['', 'al'] as const),
      );
      break;
    case 17:
      address(a, r, data);
      a.alu('and', POINTER, POINTER, 28).ldxr(d, POINTER).stxr(STATUS, n, POINTER).add(m, m, STATUS);
      break;
    case 18:
      address(a, r, data);
      a.ldrQ(r.below(4), POINTER).strQ(r.below(4), POINTER, 16);
      break;
    case 19:
      // Vectors: ADD, FADD.
      a.word(
        r.pick([0x4ee08400, 0x4e208400, 0x4e20d400, 0x6e201c00]) | (r.below(4) << 16) | (r.below(4) << 5) | r.below(4),
      );
      break;
    case 20:
      faulty(a, r, d, n);
      break;
    case 21:
      a.readFlags(d);
      break;
    case 22:
      a.svc(r.below(100)).nop();
      break;
    default:
      a.addImm(d, n, r.below(4096));
  }
}

/** Accesses to a hole, to a read-only page, or half into them. */
function faulty(a: Code, r: Random, d: number, n: number): void {
  if (!r.chance(40)) return;
  const before = r.below(20);
  if (r.chance(50)) a.movImm(POINTER, READ_ONLY_AT).addImm(POINTER, POINTER, -before);
  else a.addImm(POINTER, HOLE, -before);
  switch (r.below(6)) {
    case 0:
      a.ldur(d, POINTER, 0);
      break;
    case 1:
      a.stur(d, POINTER, 0);
      break;
    case 2:
      a.ldpPost(d, d === n ? 31 : n, POINTER, 16);
      break;
    case 3:
      a.stpPre(d, n, POINTER, 8);
      break;
    case 4:
      a.sturQ(r.below(4), POINTER, 0);
      break;
    default:
      a.atomic('add', d, n, POINTER, 1);
  }
}

/** Counts the fault, mixes what it says into FAULTS, and goes on behind the instruction. */
function handler(): Code {
  const a = new Code();
  // FAR_EL1, ESR_EL1, ELR_EL1.
  a.mrs(H0, 3, 0, 6, 0, 0).mrs(H1, 3, 0, 5, 2, 0).eor(FAULTS, FAULTS, H0).bitfield(false, FAULTS, FAULTS, 7, 6);
  a.add(FAULTS, FAULTS, H1).mrs(H1, 3, 0, 4, 0, 1).addImm(H1, H1, 4).msr(H1, 3, 0, 4, 0, 1).eret();
  return a;
}

/** Gets a machine ready: pages, handler. */
export function prepare(m: Machine): void {
  m.mapPages(pagesOfRandom);
  m.place(SAME_LEVEL, handler());
}

/** Sets memory and registers for a program that is at `base`; run it with `m.finish()`. */
export function begin(m: Machine, p: RandomProgram, seed: number, base: number, fuel: number): void {
  const r = new Random(seed ^ 0x5bd1e995);
  const memory = new DataView(m.core.memory.buffer, m.core.host(DATA), DATA_BYTES);
  for (let i = 0; i < DATA_BYTES; i += 4) memory.setUint32(i, i < PLAIN_BYTES ? r.next() : 0, true);
  for (let i = 0; i < 16; i++) m.write64(TABLE_AT + 8 * i, BigInt(base + 4 * p.at[i % p.blocks]!));
  m.start(base);
  const { core } = m;
  for (let n = 0; n < 12; n++)
    core.setX(n, r.chance(20) ? BigInt(r.below(4)) : (BigInt(r.next()) << 32n) | BigInt(r.next()));
  const fixed: readonly (readonly [number, number | bigint])[] = [
    [FUEL, fuel],
    [BASE, DATA + 0x100],
    [HOLE, HOLE_AT],
    [TABLE, TABLE_AT],
    [EDGE, DATA + 0x2000],
    [28, -16n],
  ];
  for (const [n, v] of fixed) core.setX(n, BigInt(v));
}
