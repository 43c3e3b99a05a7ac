import type { CpuView } from '../../core/system/cpu-view.ts';

/** A core with registers and a few pages of memory at `base`, for host calls. */
export class FakeCpu implements CpuView {
  readonly index = 0;
  el = 1;
  readonly base: bigint;
  readonly memory: Uint8Array;
  readonly registers = new BigUint64Array(31);

  constructor(base = 0x10000n, bytes = 0x4000) {
    this.base = base;
    this.memory = new Uint8Array(bytes);
  }
  x(n: number): bigint {
    return this.registers[n]!;
  }
  setX(n: number, value: bigint): void {
    this.registers[n] = value;
  }
  readBytes(va: bigint, length: number): Uint8Array | null {
    const at = va - this.base;
    if (at < 0n || at + BigInt(length) > BigInt(this.memory.length)) return null;
    return this.memory.slice(Number(at), Number(at) + length);
  }
  writeBytes(va: bigint, bytes: Uint8Array): boolean {
    const at = va - this.base;
    if (at < 0n || at + BigInt(bytes.length) > BigInt(this.memory.length)) return false;
    this.memory.set(bytes, Number(at));
    return true;
  }
}
