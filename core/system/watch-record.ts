/**
 * What core threads record for observers, as bytes in a ring: see `WATCH` of `engine/layout.ts` for what is recorded when.
 *
 * | kind     | where                                   | pc            | address          | detail                                      | a, b                     |
 * | -------- | --------------------------------------- | ------------- | ---------------- | ------------------------------------------- | ------------------------ |
 * | entry    | an exception was taken                  | where it came | X0               | vector (0 sync, 1 IRQ, 2 FIQ, 3 SError), EC << 8 | ISS, 0              |
 * | return   | a return from an exception              | where it goes | X0               | 0                                           | 0, 0                     |
 * | granule  | a granule protection fault is taken     | instruction   | page             | physical address space, `ACCESS` << 8       | ISS with hints (0: DMA), owner |
 * | mismatch | a context met another's page            | instruction   | page             | `ACCESS` << 8                               | owner before, accessor   |
 *
 * | words    | right behind an entry or a return | X(n) to X(n+3) in place of time to b; `from` is n | | | |
 * | bytes    | right behind an entry or a return | 32 bytes of a page that the call names, in place of time to b; detail: where in the page | | | |
 *
 * `from` and `to` are security state << 2 | exception level; faults have the accessor's in both. Owners are those of
 * `arch/encryption/layout.ts`. A PC of all ones is unknown.
 */

export const WATCH_KIND = { entry: 0, return: 1, granule: 2, mismatch: 3, words: 4, bytes: 5 } as const;
/** Bytes of a record of words or bytes that carry them, and where they begin in it. */
export const PAYLOAD = { at: 8, bytes: 32 } as const;
export const ACCESS = { read: 0, write: 1, fetch: 2, walk: 3 } as const;
export const ACCESS_NAMES = ['read', 'write', 'fetch', 'walk'] as const;
/** What has no core: a requester's access. */
export const NO_CORE = 255;
export const NO_PC = 0xffffffffffffffffn;

export interface WatchRecord {
  readonly kind: number;
  readonly core: number;
  readonly from: number;
  readonly to: number;
  readonly detail: number;
  /** Nanoseconds of the guest's clock. */
  readonly time: number;
  readonly pc: bigint;
  readonly address: bigint;
  readonly a: number;
  readonly b: number;
}

/** Bytes of a record. Offsets: kind, core, from, to (8 bits each), detail (32), time (f64), pc, address (64 each), a, b (32 each). */
export const WATCH_BYTES = 40;

export function encodeWatch(r: WatchRecord, into: DataView, at: number): void {
  into.setUint8(at, r.kind);
  into.setUint8(at + 1, r.core);
  into.setUint8(at + 2, r.from);
  into.setUint8(at + 3, r.to);
  into.setUint32(at + 4, r.detail, true);
  into.setFloat64(at + 8, r.time, true);
  into.setBigUint64(at + 16, r.pc, true);
  into.setBigUint64(at + 24, r.address, true);
  into.setUint32(at + 32, r.a, true);
  into.setUint32(at + 36, r.b, true);
}

export function decodeWatch(from: DataView, at: number): WatchRecord {
  return {
    kind: from.getUint8(at),
    core: from.getUint8(at + 1),
    from: from.getUint8(at + 2),
    to: from.getUint8(at + 3),
    detail: from.getUint32(at + 4, true),
    time: from.getFloat64(at + 8, true),
    pc: from.getBigUint64(at + 16, true),
    address: from.getBigUint64(at + 24, true),
    a: from.getUint32(at + 32, true),
    b: from.getUint32(at + 36, true),
  };
}
