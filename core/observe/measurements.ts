/**
 * A realm's measurements as they follow from the calls that make it (DEN0137, "Realm measurement and attestation"): what its RMM comes to by
 * itself, known before the realm reads it. Null from where a step was not seen whole.
 */
import { createHash } from 'node:crypto';

export type Hash = 'SHA-256' | 'SHA-512' | 'SHA-384';
/** Pieces of a page by where they are in it. */
export type Pieces = ReadonlyMap<number, Uint8Array>;

const PAGE = 4096;
/** Bytes of RmiRealmParams that are measured, from its begin: flags to hash_algo. */
const REALM_HEAD = 0x38;
/** Of RmiRecParams: offset and bytes of flags, pc and gprs. */
const REC_FIELDS = [
  [0x0, 8],
  [0x200, 8],
  [0x300, 64],
] as const;
/** RmmMeasurementDescriptor: 256 bytes; type, length, RIM so far, then what is particular to the type. */
const DESCRIPTOR = { bytes: 0x100, length: 8, rim: 0x10, rest: 0x50 } as const;
const TYPE = { data: 0, rec: 1, ripas: 2 } as const;
/** RIM, and four that the realm extends. */
const COUNT = 5;
const SLOT = 64;

const hashOf = (algorithm: Hash, data: Uint8Array): Uint8Array =>
  createHash(algorithm.toLowerCase().replace('-', '')).update(data).digest();

function put64(bytes: Uint8Array, at: number, value: bigint): void {
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(at, BigInt.asUintN(64, value), true);
}
/** `bytes` of a page from `at` on, of pieces of 32; null where one is missing. */
export function gather(pieces: Pieces, at: number, bytes: number): Uint8Array | null {
  const all = new Uint8Array(bytes);
  for (let n = 0; n < bytes; ) {
    const piece = pieces.get((at + n) & ~31);
    if (!piece) return null;
    const from = (at + n) & 31;
    const part = piece.subarray(from, from + bytes - n);
    all.set(part, n);
    n += part.length;
  }
  return all;
}

export class Measurements {
  private readonly algorithm: Hash;
  private readonly values: (Uint8Array | null)[];

  /** `params`: RmiRealmParams. */
  constructor(algorithm: Hash, params: Pieces) {
    this.algorithm = algorithm;
    const head = gather(params, 0, REALM_HEAD);
    const measured = new Uint8Array(PAGE);
    if (head) measured.set(head);
    this.values = Array.from({ length: COUNT }, () => new Uint8Array(SLOT));
    this.values[0] = head && this.slot(hashOf(algorithm, measured));
  }
  /** Hexadecimal; null: unknown. */
  at(index: number): string | null {
    const value = this.values[index];
    return value ? Buffer.from(value.subarray(0, this.size)).toString('hex') : null;
  }
  /** A step of the initial measurement was missed. */
  miss(): void {
    this.values[0] = null;
  }
  /** `content`: hash of the page; null where it is not measured. */
  data(ipa: bigint, flags: bigint, content: Uint8Array | null): void {
    this.step(TYPE.data, (rest) => {
      put64(rest, 0, ipa);
      put64(rest, 8, flags);
      if (content) rest.set(content, 16);
    });
  }
  rec(params: Pieces): void {
    const measured = new Uint8Array(PAGE);
    for (const [at, bytes] of REC_FIELDS) {
      const field = gather(params, at, bytes);
      if (!field) {
        this.miss();
        return;
      }
      measured.set(field, at);
    }
    this.step(TYPE.rec, (rest) => rest.set(hashOf(this.algorithm, measured)));
  }
  ripas(base: bigint, top: bigint): void {
    this.step(TYPE.ripas, (rest) => {
      put64(rest, 0, base);
      put64(rest, 8, top);
    });
  }
  /** An extensible measurement takes a value of up to 64 bytes; null: it was not seen whole. */
  extend(index: number, value: Uint8Array | null): void {
    const old = this.values[index];
    if (!old) return;
    this.values[index] = value && this.slot(hashOf(this.algorithm, Buffer.concat([old.subarray(0, this.size), value])));
  }

  private get size(): number {
    return HASH_BYTES[this.algorithm];
  }
  private slot(digest: Uint8Array): Uint8Array {
    const value = new Uint8Array(SLOT);
    value.set(digest);
    return value;
  }
  private step(type: number, fill: (rest: Uint8Array) => void): void {
    const rim = this.values[0];
    if (!rim) return;
    const descriptor = new Uint8Array(DESCRIPTOR.bytes);
    descriptor[0] = type;
    put64(descriptor, DESCRIPTOR.length, BigInt(DESCRIPTOR.bytes));
    descriptor.set(rim, DESCRIPTOR.rim);
    fill(descriptor.subarray(DESCRIPTOR.rest));
    this.values[0] = this.slot(hashOf(this.algorithm, descriptor));
  }
}

export const HASH_BYTES: Readonly<Record<Hash, number>> = { 'SHA-256': 32, 'SHA-512': 64, 'SHA-384': 48 };
