/** `x`, `xp`, `p`: memory and numbers in a format, `/8xw` as in gdb. */
import type { Disassemble } from '../../cli/report.ts';
import { MonitorError } from './expressions.ts';

export interface Format {
  readonly count: number;
  /** x, d, u, o, c, i. */
  readonly letter: string;
  /** Bytes of one item. */
  readonly size: number;
}

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8 };
const LINE_BYTES = 16;
const MOST = 65536;

/** `text` is what is behind the slash. */
export function parseFormat(text: string, size = 4): Format {
  const match = /^(\d*)([a-z]*)$/.exec(text);
  if (!match) throw new MonitorError(`/${text} is no format: a count, one of xduoci, one of bhwg`);
  let letter = 'x';
  let bytes = size;
  for (const character of match[2]!) {
    if ('xduoci'.includes(character)) letter = character;
    else if (SIZES[character]) bytes = SIZES[character];
    else throw new MonitorError(`/${text}: there is no format ${character}`);
  }
  const count = match[1] === '' ? 1 : Number(match[1]);
  if (count < 1 || count > MOST) throw new MonitorError(`/${text}: a count from 1 to ${MOST} is needed`);
  return { count, letter, size: letter === 'i' ? 4 : letter === 'c' ? 1 : bytes };
}

export function formatNumber(value: bigint, { letter, size }: Format): string {
  const bits = 8 * size;
  const unsigned = BigInt.asUintN(bits, value);
  switch (letter) {
    case 'd':
      return BigInt.asIntN(bits, value).toString();
    case 'u':
      return unsigned.toString();
    case 'o':
      return `0${unsigned.toString(8)}`;
    case 'c': {
      const code = Number(unsigned & 255n);
      return code >= 32 && code < 127 ? `'${String.fromCharCode(code)}'` : `'\\x${code.toString(16).padStart(2, '0')}'`;
    }
    default:
      return `0x${unsigned.toString(16).padStart(2 * size, '0')}`;
  }
}

/** Lines of memory. `read` yields what can be read from the first byte on. */
export function dump(
  address: bigint,
  format: Format,
  read: (address: bigint, length: number) => Uint8Array,
  disassemble: Disassemble | null,
): string {
  const bytes = read(address, format.count * format.size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const perLine = format.letter === 'i' ? 1 : LINE_BYTES / format.size;
  const lines: string[] = [];
  for (let n = 0; n < format.count; n += perLine) {
    const at = BigInt.asUintN(64, address + BigInt(n * format.size));
    const place = `${at.toString(16).padStart(16, '0')}:`;
    const items: string[] = [];
    for (let i = n; i < Math.min(n + perLine, format.count); i++) {
      if ((i + 1) * format.size > bytes.length) {
        if (items.length > 0) lines.push(`${place} ${items.join(' ')}`);
        lines.push(`there is no memory at 0x${(address + BigInt(i * format.size)).toString(16)}`);
        return lines.join('\n');
      }
      items.push(item(view, i * format.size, format, at, disassemble));
    }
    lines.push(`${place} ${items.join(' ')}`);
  }
  return lines.join('\n');
}

function item(view: DataView, at: number, format: Format, address: bigint, disassemble: Disassemble | null): string {
  if (format.letter === 'i') {
    const word = view.getUint32(at, true);
    return `${word.toString(16).padStart(8, '0')}  ${disassemble?.(word, address) ?? ''}`.trimEnd();
  }
  let value = 0n;
  for (let i = format.size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(at + i));
  return formatNumber(value, format);
}
