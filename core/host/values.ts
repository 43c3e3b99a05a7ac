/** Schemas of the values that the host's messages are made of. All are JSON: 64-bit numbers are text, bytes are base64. */
import * as v from 'valibot';

/** A count or index; `highest` inclusive. */
export const whole = (lowest: number, highest: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(lowest), v.maxValue(highest));

/** Unsigned, up to 64 bits: `0x` and hexadecimal digits. */
export const hex64 = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{1,16}$/i, 'a number like 0x40000000 is needed'));

/** At most `limit` bytes. */
export const base64 = (limit: number) =>
  v.pipe(
    v.string(),
    v.maxLength(Math.ceil(limit / 3) * 4),
    v.regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, 'base64 is needed'),
  );

/** Identifies a run, a preset, a console: chosen by the host. */
export const identifier = v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,64}$/, 'an identifier is needed'));

export const toHex = (value: bigint | number): string => `0x${value.toString(16)}`;
