/**
 * Reads the flattened form of a device tree, versions 16 and 17 (Devicetree Specification 0.4, chapter 5). Input may be damaged:
 * every offset is checked, depth and counts are bounded, and nothing is allocated beyond the size of the input.
 */
import { UserError } from '../system/errors.ts';
import { FdtNode } from './fdt.ts';
import { FDT_HEADER_BYTES, FDT_TOKEN } from './fdt-format.ts';

/** Larger trees are refused: in bytes of the blob. */
export const FDT_LIMIT = 2 << 20;
const MAX_DEPTH = 64;
/** Longest name of a node or property, generous: the specification says 31 characters. */
const MAX_NAME = 128;

export const isFdt = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && bytes[0] === 0xd0 && bytes[1] === 0x0d && bytes[2] === 0xfe && bytes[3] === 0xed;

class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly fail: (why: string) => never;
  private readonly strings: readonly [number, number];
  private readonly end: number;
  private at: number;

  constructor(bytes: Uint8Array, fail: (why: string) => never) {
    this.fail = fail;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const total = view.getUint32(4, false);
    if (total < FDT_HEADER_BYTES || total > bytes.length) {
      fail(`truncated: it says that it has ${total} bytes, and the file has ${bytes.length}`);
    }
    const word = (n: number): number => view.getUint32(4 * n, false);
    const [structure, text, version, compatible, textBytes] = [word(2), word(3), word(5), word(6), word(8)];
    if (version < 16 || compatible > 17) fail(`version ${version} of the format is not known`);
    // Version 16 has no size of the structure; its end token ends it.
    const structureEnd = version >= 17 ? structure + word(9) : total;
    if (structure % 4 !== 0 || structure > total || structureEnd > total || text > total || text + textBytes > total) {
      fail('damaged: a part of it lies outside of it');
    }
    this.bytes = bytes;
    this.view = view;
    this.strings = [text, text + textBytes];
    this.at = structure;
    this.end = structureEnd;
  }

  private u32(): number {
    if (this.at + 4 > this.end) this.fail('truncated: its structure has no end');
    const value = this.view.getUint32(this.at, false);
    this.at += 4;
    return value;
  }
  private text(from: number, limit: number): string {
    const end = this.bytes.subarray(from, Math.min(limit, from + MAX_NAME)).indexOf(0);
    if (end < 0) this.fail('damaged: a name has no end');
    return String.fromCharCode(...this.bytes.subarray(from, from + end));
  }
  private token(): number {
    for (;;) {
      const token = this.u32();
      if (token !== FDT_TOKEN.nop) return token;
    }
  }
  private nodeName(): string {
    const name = this.text(this.at, this.end);
    this.at = (this.at + name.length + 4) & ~3;
    return name;
  }
  private property(node: FdtNode): void {
    const length = this.u32();
    const nameAt = this.strings[0] + this.u32();
    if (this.at + length > this.end) this.fail(`damaged: a property of the node "${node.name}" has ${length} bytes`);
    if (nameAt >= this.strings[1]) this.fail('damaged: the name of a property is missing');
    const name = this.text(nameAt, this.strings[1]);
    node.properties.set(name, this.bytes.slice(this.at, this.at + length));
    this.at = (this.at + length + 3) & ~3;
  }

  root(): FdtNode {
    if (this.token() !== FDT_TOKEN.beginNode) this.fail('damaged: it has no root node');
    const root = new FdtNode(this.nodeName());
    const open = [root];
    while (open.length > 0) {
      const node = open.at(-1)!;
      const token = this.token();
      if (token === FDT_TOKEN.property) this.property(node);
      else if (token === FDT_TOKEN.endNode) open.pop();
      else if (token === FDT_TOKEN.beginNode) {
        if (open.length >= MAX_DEPTH) this.fail(`nodes are nested more than ${MAX_DEPTH} deep`);
        const child = new FdtNode(this.nodeName());
        node.children.push(child);
        open.push(child);
      } else this.fail(`damaged: unknown token ${token}`);
    }
    return root;
  }
}

/** Reads a blob; `name` is its name in messages. Throws UserError when it is no device tree, is damaged or too large. */
export function readFdt(bytes: Uint8Array, name: string): FdtNode {
  const fail = (why: string): never => {
    throw new UserError(`${name}: ${why}`);
  };
  if (!isFdt(bytes)) fail('not a device tree blob');
  if (bytes.length < FDT_HEADER_BYTES) fail('truncated device tree: the header is incomplete');
  if (bytes.length > FDT_LIMIT) fail(`a device tree of more than ${FDT_LIMIT >> 20} MiB is not taken`);
  return new Reader(bytes, (why) => fail(`device tree ${why}`)).root();
}
