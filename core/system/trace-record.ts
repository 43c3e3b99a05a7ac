/**
 * What is traced, and the form in which core threads hand it over.
 *
 * Code that traces is generated only into systems that want it, so it costs nothing when off. A hook point stores up to four
 * 64-bit operands to the core's state (TRACE_A…TRACE_D) and calls the host function `trace(cpu, kind, detail)`, which appends a
 * record; the host's thread turns records into text. Hook points, and their operands A to D:
 *
 * | kind        | where                                          | A        | B      | C          | D    | detail |
 * | ----------- | ---------------------------------------------- | -------- | ------ | ---------- | ---- | ------ |
 * | exception   | exception entry, PC and EL updated             | ESR      | FAR    | vector     | ELR  | source EL, target EL << 4, type << 8 (0 sync, 1 IRQ, 2 FIQ, 3 SError) |
 * | eret        | exception return, PC and EL updated            | target   | SPSR   |            |      | source EL, target EL << 4 |
 * | call        | SVC never; HVC and SMC before they are taken   | X0       | X1     | X2         | X3   | 0 HVC, 1 SMC |
 * | answer      | return of such a call: ERET from EL3, or from EL2 to a caller in HVC; the built-in PSCI | X0 | X1 | X2 | X3 | as call |
 * | read, write | MRS; MSR (register), after they passed traps   | value    |        |            |      | encoding |
 * | mmio        | a device access that was done                  | physical address | value | upper half |  | log2(bytes), 8 when writing |
 * | tlbi        | a TLBI that was done                           | operand  |        |            |      | encoding |
 * | block       | entry to a block by a taken branch             |          |        |            |      |        |
 *
 * "encoding" is op0 << 14 | op1 << 11 | CRn << 7 | CRm << 3 | op2, as in the MRS and SYS words from bit 5 up. PC, exception level,
 * security state and instruction count come from the core's state; PC is the instruction's own address, for exception and eret
 * the address it continues at.
 */

/** What can be asked for. */
export const TRACE_CHOICES = ['exceptions', 'smc', 'sysreg', 'mmio', 'tlbi', 'blocks'] as const;
export type TraceChoice = (typeof TRACE_CHOICES)[number];

export const TRACE_KIND = {
  exception: 0,
  eret: 1,
  call: 2,
  answer: 3,
  read: 4,
  write: 5,
  mmio: 6,
  tlbi: 7,
  block: 8,
} as const;

/** Which kinds a choice switches on. */
export const KINDS_OF: Readonly<Record<TraceChoice, readonly number[]>> = {
  exceptions: [TRACE_KIND.exception, TRACE_KIND.eret],
  smc: [TRACE_KIND.call, TRACE_KIND.answer],
  sysreg: [TRACE_KIND.read, TRACE_KIND.write],
  mmio: [TRACE_KIND.mmio],
  tlbi: [TRACE_KIND.tlbi],
  blocks: [TRACE_KIND.block],
};

export interface TraceConfig {
  readonly choices: readonly TraceChoice[];
}

/** One event. 64-bit values as BigInt, unsigned. */
export interface TraceRecord {
  readonly kind: number;
  readonly core: number;
  readonly el: number;
  /** As `state.SECURITY`. */
  readonly security: number;
  readonly detail: number;
  /** Instructions that the core had executed. */
  readonly count: bigint;
  readonly pc: bigint;
  readonly operands: readonly [bigint, bigint, bigint, bigint];
}

/** Bytes of a record in a ring: kind, core, EL, security (8 bits each), detail (32), count, pc, operands (64 each). */
export const TRACE_BYTES = 56;

export function encodeRecord(r: TraceRecord, into: DataView): void {
  into.setUint8(0, r.kind);
  into.setUint8(1, r.core);
  into.setUint8(2, r.el);
  into.setUint8(3, r.security);
  into.setUint32(4, r.detail, true);
  into.setBigUint64(8, r.count, true);
  into.setBigUint64(16, r.pc, true);
  r.operands.forEach((v, i) => {
    into.setBigUint64(24 + 8 * i, v, true);
  });
}

export function decodeRecord(from: DataView): TraceRecord {
  const u64 = (offset: number): bigint => from.getBigUint64(offset, true);
  return {
    kind: from.getUint8(0),
    core: from.getUint8(1),
    el: from.getUint8(2),
    security: from.getUint8(3),
    detail: from.getUint32(4, true),
    count: u64(8),
    pc: u64(16),
    operands: [u64(24), u64(32), u64(40), u64(48)],
  };
}
