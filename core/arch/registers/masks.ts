/** Which bits of a register can be written, and what it holds after reset: from the fields and the CPU's features. */
import type { Field, Register, ResetContext } from './define.ts';

const ALL = (1n << 64n) - 1n;
const bitsOf = (f: Field): bigint => ((1n << BigInt(f.width)) - 1n) << BigInt(f.lsb);

/** `-` is a feature that nothing has; `-X` means that X is absent. */
function given(f: Field, features: ReadonlySet<string>): boolean {
  if (!f.features.length) return true;
  return f.features.some((name) =>
    name.startsWith('-') ? name !== '-' && !features.has(name.slice(1)) : features.has(name),
  );
}

/** Registers of EL2 that are RES0 at EL3 when there is no EL2. */
const ofEl2 = (r: Register): boolean => !r.alias && r.encoding[1] === 4 && r.name.endsWith('_EL2');

/** Does the mask depend on the CPU? Then it is kept in the state. */
export function maskVaries(r: Register): boolean {
  if (ofEl2(r)) return true;
  return r.fields?.some((f) => !f.readOnly && f.features.some((name) => name !== '-')) ?? false;
}

/** Bits that a write changes; `mecidWidth`: bits that a MECID has. */
export function writableMask(r: Register, features: ReadonlySet<string>, el2 = true, mecidWidth = 16): bigint {
  if (ofEl2(r) && !el2) return 0n;
  if (!r.fields) return ALL;
  let mask = 0n;
  for (const f of r.fields) {
    if (f.readOnly || !given(f, features)) continue;
    mask |= f.mecid ? bitsOf({ ...f, width: mecidWidth }) : bitsOf(f);
  }
  return mask;
}

/** Value after reset: RES1 bits, and what the table says; UNKNOWN is 0. */
export function resetValue(r: Register, c: ResetContext): bigint {
  let value = typeof r.reset === 'function' ? r.reset(c) : (r.reset ?? 0n);
  if (r.fields) {
    let known = 0n;
    for (const f of r.fields) {
      if (given(f, c.features)) known |= bitsOf(f);
      else if (f.res1) value |= bitsOf(f);
      else value &= ~bitsOf(f);
      if (f.res1) known |= bitsOf(f);
    }
    if (typeof r.reset !== 'function') value &= known;
  }
  return BigInt.asUintN(64, value);
}
