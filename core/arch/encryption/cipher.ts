/**
 * The cipher of the memory protection engine: AES-256-XTS over pages of 4096 bytes, with the page's number as tweak, so that each
 * block of 16 bytes is a permutation that depends on key and physical address. Each owner (`layout.ts`) has a key of its own.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { PLAIN } from './layout.ts';

const ALGORITHM = 'aes-256-xts';
export const PAGE = 4096;
/** Keys that are kept ready. */
const READY = 512;

/** 32 bytes that all keys derive from: of the host's random source, or of a seed. */
export function masterKey(seed?: number): Uint8Array {
  return seed === undefined ? randomBytes(32) : createHash('sha256').update(`memory protection ${seed}`).digest();
}

const bytesOf = (b: Buffer): Uint8Array => new Uint8Array(b.buffer, b.byteOffset, b.length);

export class PageCipher {
  private readonly master: () => Uint8Array;
  private readonly era: (owner: number) => number;
  private seen: Uint8Array | null = null;
  private readonly keys = new Map<number, Buffer>();

  /** `master` is asked each time: a new one makes all keys anew. `era`: how often an owner's number was used before. */
  constructor(master: () => Uint8Array, era: (owner: number) => number = () => 0) {
    this.master = master;
    this.era = era;
  }
  private key(owner: number): Buffer {
    const master = this.master();
    if (!this.seen || Buffer.compare(this.seen, master) !== 0) {
      this.seen = master.slice();
      this.keys.clear();
    }
    const era = this.era(owner);
    const id = era * 2 ** 32 + (owner >>> 0);
    let key = this.keys.get(id);
    if (!key) {
      if (this.keys.size >= READY) this.keys.clear();
      const name = Buffer.alloc(8);
      name.writeUInt32LE(owner >>> 0);
      name.writeUInt32LE(era, 4);
      key = createHmac('sha512', this.seen).update(name).digest();
      this.keys.set(id, key);
    }
    return key;
  }
  private static tweak(address: number): Buffer {
    const iv = Buffer.alloc(16);
    iv.writeBigUInt64LE(BigInt(Math.floor(address / PAGE)));
    return iv;
  }
  /** What is in DRAM of a page (at a physical address) that is `plain` to its owner; a new array, unless it is not encrypted. */
  encrypt(owner: number, address: number, plain: Uint8Array): Uint8Array {
    if (owner === PLAIN) return plain;
    return bytesOf(createCipheriv(ALGORITHM, this.key(owner), PageCipher.tweak(address)).update(plain));
  }
  /** What an owner reads of a page's bytes in DRAM. */
  decrypt(owner: number, address: number, stored: Uint8Array): Uint8Array {
    if (owner === PLAIN) return stored;
    return bytesOf(createDecipheriv(ALGORITHM, this.key(owner), PageCipher.tweak(address)).update(stored));
  }
  /** What `to` reads of a page that is `plain` to `from`. */
  convert(from: number, to: number, address: number, plain: Uint8Array): Uint8Array {
    return from === to ? plain : this.decrypt(to, address, this.encrypt(from, address, plain));
  }
}
