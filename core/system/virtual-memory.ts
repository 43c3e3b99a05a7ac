/** Memory as a core sees it, for the host: semihosting, debuggers, monitors. */
import * as state from '../arch/state.ts';
import { ACC } from '../arch/translation/fields.ts';
import { INFO } from '../engine/access.ts';

/** Exports of the core module that are needed; i64 parameters are bigint. */
type Exports = Record<string, (...args: never[]) => unknown>;

/** Host address of a virtual address for the core at `cpu`, or 0. The core's pending fault state is left as it was. */
function hostAddress(core: Exports, buffer: SharedArrayBuffer, cpu: number, va: bigint, write: boolean): number {
  const view = new DataView(buffer);
  const translate = core.translate as unknown as (cpu: number, va: bigint, info: number) => number;
  const physical = core.hostOfPhysical as unknown as (pa: bigint, pas: number, write: number) => number;
  const ok = translate(cpu, BigInt.asIntN(64, va), (write ? INFO.write : 0) | ACC.observe);
  view.setInt32(cpu + state.FAULT, 0, true);
  if (!ok) return 0;
  const pas = view.getInt32(cpu + state.TR_PAS, true);
  return physical(view.getBigInt64(cpu + state.TR_PA, true), pas, write ? 1 : 0) >>> 0;
}

/** Calls `each(host, offset, length)` for the pages of a range; stops, and yields how far it came, where nothing is mapped. */
function pages(
  core: Exports,
  buffer: SharedArrayBuffer,
  cpu: number,
  va: bigint,
  length: number,
  write: boolean,
  each: (host: number, offset: number, length: number) => void,
): number {
  let done = 0;
  while (done < length) {
    const at = va + BigInt(done);
    const part = Math.min(length - done, 4096 - Number(at & 0xfffn));
    const host = hostAddress(core, buffer, cpu, at, write);
    if (host === 0) return done;
    each(host, done, part);
    done += part;
  }
  return done;
}

/** Bytes from `va` on, as far as they are mapped to memory. */
export function readVirtual(
  core: Exports,
  buffer: SharedArrayBuffer,
  cpu: number,
  va: bigint,
  length: number,
): Uint8Array {
  const memory = new Uint8Array(buffer);
  const out = new Uint8Array(length);
  const done = pages(core, buffer, cpu, va, length, false, (host, offset, n) => {
    out.set(memory.subarray(host, host + n), offset);
  });
  return out.subarray(0, done);
}
/** Writes all bytes, or none: false when part of the range can't be written. */
export function writeVirtual(
  core: Exports,
  buffer: SharedArrayBuffer,
  cpu: number,
  va: bigint,
  bytes: Uint8Array,
): boolean {
  const nothing = (): void => {};
  if (pages(core, buffer, cpu, va, bytes.length, true, nothing) !== bytes.length) return false;
  const memory = new Uint8Array(buffer);
  pages(core, buffer, cpu, va, bytes.length, true, (host, offset, n) => {
    memory.set(bytes.subarray(offset, offset + n), host);
  });
  return true;
}
