/** QEMU's way of writing properties: `value,name=value,name`; two commas stand for one. */
import { UserError } from '../../system/errors.ts';

const ON = ['on', 'yes', 'true', 'y'];
const OFF = ['off', 'no', 'false', 'n'];

/** Properties of one option. What is known is taken out; `end` complains of what is left. */
export class Properties {
  /** The option, for messages: `-drive`. */
  readonly option: string;
  private readonly values: Map<string, string>;

  constructor(option: string, values: Map<string, string>) {
    this.option = option;
    this.values = values;
  }

  /** `implied`: the name of a first word without one. A later word `x` means `x=on`, `nox` means `x=off`. */
  static parse(option: string, text: string, implied?: string): Properties {
    const values = new Map<string, string>();
    splitAtCommas(text).forEach((word, n) => {
      const equals = word.indexOf('=');
      if (equals > 0) values.set(word.slice(0, equals), word.slice(equals + 1));
      else if (n === 0 && implied !== undefined && word !== '') values.set(implied, word);
      else if (word.startsWith('no')) values.set(word.slice(2), 'off');
      else if (word !== '') values.set(word, 'on');
    });
    return new Properties(option, values);
  }

  /** The same, or as a JSON object: the options of QEMU's that make objects take both. Members of members are `outer.inner`. */
  static read(option: string, text: string, implied: string): Properties {
    if (!text.startsWith('{')) return Properties.parse(option, text, implied);
    const values = new Map<string, string>();
    const add = (prefix: string, value: unknown): void => {
      if (typeof value === 'object' && value !== null) {
        for (const [name, inner] of Object.entries(value)) add(prefix ? `${prefix}.${name}` : name, inner);
      } else values.set(prefix, typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value));
    };
    try {
      add('', JSON.parse(text));
    } catch {
      throw new UserError(`${option}: what begins with { must be JSON`);
    }
    return new Properties(option, values);
  }

  has(name: string): boolean {
    return this.values.has(name);
  }
  names(): string[] {
    return [...this.values.keys()];
  }
  /** Later properties win. */
  merge(later: Properties): void {
    for (const [name, value] of later.values) this.values.set(name, value);
  }
  take(name: string): string | null {
    const value = this.values.get(name) ?? null;
    this.values.delete(name);
    return value;
  }
  need(name: string): string {
    return this.take(name) || this.fail(`${name}= is missing`);
  }
  takeFlag(name: string): boolean | null {
    const value = this.take(name);
    return value === null ? null : this.flag(name, value);
  }
  takeNumber(name: string, lowest = 0, highest = Number.MAX_SAFE_INTEGER): number | null {
    const value = this.take(name);
    if (value === null) return null;
    const number = wholeNumber(value);
    if (number === null || number < lowest || number > highest) {
      return this.fail(`${name}=${value}: a whole number from ${lowest} to ${highest} is needed`);
    }
    return number;
  }
  /** Takes what says something of the host only. */
  ignore(...names: readonly (string | RegExp)[]): void {
    for (const key of this.names()) {
      if (names.some((n) => (typeof n === 'string' ? n === key : n.test(key)))) this.values.delete(key);
    }
  }
  flag(name: string, value: string): boolean {
    if (ON.includes(value)) return true;
    if (OFF.includes(value)) return false;
    return this.fail(`${name}=${value}: on or off is needed`);
  }
  end(): void {
    const [name] = this.names();
    if (name !== undefined) this.fail(`there is no property ${name} here`);
  }
  error(why: string): UserError {
    return new UserError(`${this.option}: ${why}`);
  }
  fail(why: string): never {
    throw this.error(why);
  }
}

function splitAtCommas(text: string): string[] {
  const words = [''];
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== ',') words[words.length - 1] += text[i];
    else if (text[i + 1] === ',') {
      words[words.length - 1] += ',';
      i++;
    } else words.push('');
  }
  return words;
}

/** Decimal, perhaps below zero, or hexadecimal after `0x`; null for anything else. */
export function wholeNumber(text: string): number | null {
  return /^(0[xX][0-9a-fA-F]{1,13}|-?\d{1,16})$/.test(text) ? Number(text) : null;
}

/** Bytes, with K, M, G, T behind; without a letter `unit` counts. */
export function sizeInBytes(option: string, text: string, unit: 'B' | 'M'): number {
  const match = /^(\d+(?:\.\d+)?)([BKMGT]?)$/i.exec(text);
  const letters = 'BKMGT';
  const bytes = match ? Number(match[1]) * 1024 ** letters.indexOf((match[2] || unit).toUpperCase()) : Number.NaN;
  if (!Number.isSafeInteger(bytes) || bytes <= 0)
    throw new UserError(`${option} ${text}: a size like 512M or 2G is needed`);
  return bytes;
}

/** Written so that `Properties.parse` reads it back. */
export const formatProperties = (parts: readonly (string | readonly [string, string | number | boolean])[]): string =>
  parts
    .map((part) => {
      if (typeof part === 'string') return part.replaceAll(',', ',,');
      const [name, value] = part;
      const text = typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
      return `${name}=${text.replaceAll(',', ',,')}`;
    })
    .join(',');
