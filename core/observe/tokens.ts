/** Attestation tokens as a realm gets them, piece by piece (RSI_ATTESTATION_TOKEN_INIT and _CONTINUE; DEN0137). */
import type { ObservedCall } from './calls.ts';

const PAGE = 4096n;
/** RSI_INCOMPLETE: there is more. */
const INCOMPLETE = 3n;
/** Longer ones are no tokens. */
const LONGEST = 1 << 16;
/** CBOR's tag of a CCA attestation token, and of its older profile: 399, 907. */
const HEADS: readonly number[][] = [
  [0xd9, 0x01, 0x8f],
  [0xd9, 0x03, 0x8b],
];

export interface ObservedToken {
  readonly at: number;
  /** Null: the realm had used the memory for something else before it was looked at. */
  readonly bytes: Uint8Array | null;
}

export class TokenReader {
  private readonly read: (address: bigint, length: number) => Uint8Array;
  /** What has come, by the REC that asked. */
  private readonly parts = new Map<bigint, Uint8Array[]>();

  constructor(read: (address: bigint, length: number) => Uint8Array) {
    this.read = read;
  }
  /** A call of `rec` has returned. `data`: granules of the realm by IPA. Yields the token when its last piece has come. */
  take(rec: bigint, call: ObservedCall, data: ReadonlyMap<bigint, bigint>): ObservedToken | null {
    const { results, at } = call;
    if (call.function.name === 'RSI_ATTESTATION_TOKEN_INIT') {
      this.parts.set(rec, []);
      return null;
    }
    const parts = this.parts.get(rec);
    const status = results![0]!;
    if (!parts || (status !== 0n && status !== INCOMPLETE)) return null;
    const [ipa, offset] = call.arguments;
    const length = Number(results![1]);
    if (length > 0 && length <= Number(PAGE)) {
      const granule = data.get(ipa! - (ipa! % PAGE));
      parts.push(granule === undefined ? new Uint8Array(0) : this.read(granule + offset!, length).slice());
    }
    const bytes = Buffer.concat(parts);
    if (status === INCOMPLETE && bytes.length <= LONGEST) return null;
    this.parts.delete(rec);
    return { at, bytes: HEADS.some((head) => head.every((byte, n) => bytes[n] === byte)) ? bytes : null };
  }
}
