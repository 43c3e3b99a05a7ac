/** Values of command-line options. Each parser throws commander's InvalidArgumentError, which becomes one line. */
import { InvalidArgumentError } from 'commander';
import { TRACE_CHOICES, type TraceChoice } from '../system/trace.ts';

const UNITS: Readonly<Record<string, number>> = { K: 1 << 10, M: 1 << 20, G: 1 << 30, T: 2 ** 40 };

/** A size of memory in bytes: digits with K, M, G or T behind; without a letter it is MiB, as QEMU takes it. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i.exec(text);
  if (!match) throw new InvalidArgumentError('A size like 512M or 2G is needed.');
  const bytes = Number(match[1]) * UNITS[(match[2] || 'M').toUpperCase()]!;
  if (!Number.isSafeInteger(bytes) || bytes <= 0 || bytes % 4096 !== 0) {
    throw new InvalidArgumentError('It must be a positive multiple of 4K.');
  }
  return bytes;
}

export function parseCount(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= lowest && value <= highest)) {
      throw new InvalidArgumentError(`A whole number from ${lowest} to ${highest} is needed.`);
    }
    return value;
  };
}

export function parseSeconds(text: string): number {
  const value = /^\d+(\.\d*)?$|^\.\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value > 0)) throw new InvalidArgumentError('A number of seconds above 0 is needed.');
  return value;
}

export interface TraceOption {
  readonly choices: readonly TraceChoice[];
  /** Null: to standard error. */
  readonly file: string | null;
}

/** `LIST[:FILE]`; all kinds: `all`. */
export function parseTrace(text: string): TraceOption {
  const colon = text.indexOf(':');
  const list = colon < 0 ? text : text.slice(0, colon);
  const file = colon < 0 ? null : text.slice(colon + 1);
  const names = list.split(',');
  const unknown = names.find((name) => name !== 'all' && !TRACE_CHOICES.includes(name as TraceChoice));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`There is no trace '${unknown}'; there are ${TRACE_CHOICES.join(', ')}, all.`);
  }
  if (file === '') throw new InvalidArgumentError('The name of the file is missing.');
  return { choices: TRACE_CHOICES.filter((name) => names.includes(name) || names.includes('all')), file };
}

export interface GdbAddress {
  readonly host: string;
  readonly port: number;
}

/** Where `-s` listens. */
export const GDB_DEFAULT: GdbAddress = { host: '127.0.0.1', port: 1234 };

/** `[HOST]:PORT` or `PORT`, with QEMU's `tcp:` in front if one likes. */
export function parseGdb(text: string): GdbAddress {
  const match = /^(?:tcp:)?(?:([^:]*):)?(\d+)$/.exec(text);
  if (!match || Number(match[2]) > 65535) throw new InvalidArgumentError('A port, or HOST:PORT, is needed.');
  return { host: match[1] || '127.0.0.1', port: Number(match[2]) };
}
