/** C escapes in the text of `--send`. */

const SIMPLE: Readonly<Record<string, number>> = {
  ...{ a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, e: 27 },
  ...{ '\\': 0x5c, "'": 0x27, '"': 0x22, '?': 0x3f },
};

/** The bytes that `text` stands for, UTF-8 outside of escapes; throws a plain Error that says what is wrong. */
export function unescapeC(text: string): Uint8Array {
  const bytes: number[] = [];
  const pattern = /\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S])?)/g;
  const plain = (part: string): void => {
    bytes.push(...new TextEncoder().encode(part));
  };
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    plain(text.slice(at, match.index));
    at = match.index + match[0].length;
    const [, hex, octal, short, long, letter] = match;
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (octal !== undefined) bytes.push(Number.parseInt(octal, 8) & 0xff);
    else if (short ?? long) {
      const code = Number.parseInt((short ?? long)!, 16);
      if (code > 0x10ffff) throw new Error(`there is no character ${match[0]}`);
      plain(String.fromCodePoint(code));
    } else {
      const code = letter === undefined ? undefined : SIMPLE[letter];
      if (code === undefined) throw new Error(`unknown escape ${match[0]}`);
      bytes.push(code);
    }
  }
  plain(text.slice(at));
  return Uint8Array.from(bytes);
}
