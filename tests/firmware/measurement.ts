/** The realm initial measurement as DEN0137 defines it, computed a second time from what a host did. */
import { createHash } from 'node:crypto';

export type MeasuredStep =
  | { type: 'data'; ipa: bigint; flags: bigint; content: Uint8Array }
  | { type: 'rec'; flags: bigint; pc: bigint; gprs: bigint[] }
  | { type: 'ripas'; base: bigint; top: bigint };

const hash = (data: Uint8Array): Buffer => createHash('sha256').update(data).digest();

function words(size: number, at: Record<number, bigint>): Uint8Array {
  const buffer = new Uint8Array(size);
  const view = new DataView(buffer.buffer);
  for (const [offset, value] of Object.entries(at)) view.setBigUint64(Number(offset), value, true);
  return buffer;
}

function descriptor(rim: Uint8Array, step: MeasuredStep): Uint8Array {
  const out = words(0x100, { 8: 0x100n });
  out.set(rim, 0x10);
  const view = new DataView(out.buffer);
  switch (step.type) {
    case 'data':
      out[0] = 0;
      view.setBigUint64(0x50, step.ipa, true);
      view.setBigUint64(0x58, step.flags, true);
      if (step.flags) out.set(hash(step.content), 0x60);
      break;
    case 'rec': {
      out[0] = 1;
      const params = words(0x1000, { 0: step.flags, 512: step.pc });
      const registers = new DataView(params.buffer);
      for (const [i, value] of step.gprs.entries()) registers.setBigUint64(0x300 + 8 * i, value, true);
      out.set(hash(params), 0x50);
      break;
    }
    case 'ripas':
      out[0] = 2;
      view.setBigUint64(0x50, step.base, true);
      view.setBigUint64(0x58, step.top, true);
      break;
  }
  return out;
}

/** SHA-256 realms; `ipaBits` is realm_params.s2sz, all other measured parameters are 0. */
export function initialMeasurement(ipaBits: number, steps: MeasuredStep[]): Buffer {
  let rim = hash(words(0x1000, { 8: BigInt(ipaBits) }));
  for (const step of steps) rim = hash(descriptor(rim, step));
  return rim;
}
