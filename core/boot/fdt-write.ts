/** Writes the flattened form of a device tree, version 17 (Devicetree Specification 0.4, chapter 5). */
import type { FdtNode } from './fdt.ts';
import { FDT_HEADER_BYTES, FDT_MAGIC, FDT_TOKEN } from './fdt-format.ts';

class Bytes {
  private bytes = new Uint8Array(4096);
  length = 0;

  private grow(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const larger = new Uint8Array(2 * (this.length + count));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
  u32(value: number): void {
    this.grow(4);
    new DataView(this.bytes.buffer).setUint32(this.length, value, false);
    this.length += 4;
  }
  put(bytes: Uint8Array): void {
    this.grow(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }
  align(): void {
    const count = -this.length & 3;
    this.grow(count);
    this.bytes.fill(0, this.length, this.length + count);
    this.length += count;
  }
  done(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

/** Names of properties, each stored once. */
class Names {
  readonly bytes = new Bytes();
  private readonly offsets = new Map<string, number>();

  offset(name: string): number {
    const known = this.offsets.get(name);
    if (known !== undefined) return known;
    const at = this.bytes.length;
    this.bytes.put(new TextEncoder().encode(`${name}\0`));
    this.offsets.set(name, at);
    return at;
  }
}

function writeNode(node: FdtNode, out: Bytes, names: Names): void {
  out.u32(FDT_TOKEN.beginNode);
  out.put(new TextEncoder().encode(`${node.name}\0`));
  out.align();
  for (const [name, value] of node.properties) {
    out.u32(FDT_TOKEN.property);
    out.u32(value.length);
    out.u32(names.offset(name));
    out.put(value);
    out.align();
  }
  for (const child of node.children) writeNode(child, out, names);
  out.u32(FDT_TOKEN.endNode);
}

/**
 * The blob of the tree under `root`. It is `totalBytes` long where it fits: firmware that edits the tree in place needs room.
 */
export function writeFdt(root: FdtNode, totalBytes = 0): Uint8Array {
  const structure = new Bytes();
  const names = new Names();
  writeNode(root, structure, names);
  structure.u32(FDT_TOKEN.end);
  const [tree, text] = [structure.done(), names.bytes.done()];
  // Header, memory reservations (only the terminating pair of zeros), structure, strings.
  const structureAt = FDT_HEADER_BYTES + 8 + 16;
  const stringsAt = structureAt + tree.length;
  const blob = new Uint8Array(Math.max(totalBytes, stringsAt + text.length));
  const view = new DataView(blob.buffer);
  const header = [
    FDT_MAGIC,
    blob.length,
    structureAt,
    stringsAt,
    FDT_HEADER_BYTES + 8,
    17,
    16,
    0,
    text.length,
    tree.length,
  ];
  header.forEach((value, n) => {
    view.setUint32(4 * n, value, false);
  });
  blob.set(tree, structureAt);
  blob.set(text, stringsAt);
  return blob;
}
