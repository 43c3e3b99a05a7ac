/**
 * Device trees (Devicetree Specification 0.4): nodes with properties, in order, and the forms of property values (chapter 2.2.4).
 * The flattened form is in `fdt-write.ts` and `fdt-read.ts`.
 */

export type PropertyValue = Uint8Array;

/** `<u32>`s: cells of 32 bits, unsigned. */
export function cells(...values: readonly number[]): PropertyValue {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((v, n) => {
    view.setUint32(4 * n, v, false);
  });
  return bytes;
}
/** Non-negative numbers up to 2^53 as two cells each, for `#address-cells` and `#size-cells` of 2. */
export const wide = (...values: readonly number[]): PropertyValue =>
  cells(...values.flatMap((v) => [Math.floor(v / 2 ** 32), v % 2 ** 32]));
/** A list of strings; one is a string. */
export const strings = (...values: readonly string[]): PropertyValue =>
  new TextEncoder().encode(values.map((v) => `${v}\0`).join(''));
/** A property whose presence says it all. */
export const EMPTY: PropertyValue = new Uint8Array(0);

/** The text of a string property, or null when it is none. */
export function textOf(value: PropertyValue | undefined): string | null {
  if (!value || value.length === 0 || value.at(-1) !== 0) return null;
  return new TextDecoder().decode(value.subarray(0, value.indexOf(0)));
}
/** The cells of a property, or null when it is not made of cells. */
export function cellsOf(value: PropertyValue | undefined): number[] | null {
  if (!value || value.length === 0 || value.length % 4 !== 0) return null;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return Array.from({ length: value.length / 4 }, (_, n) => view.getUint32(4 * n, false));
}

export class FdtNode {
  /** With the unit address: `memory@40000000`; the root has the empty name. */
  readonly name: string;
  properties: Map<string, PropertyValue>;
  children: FdtNode[];

  constructor(
    name: string,
    properties: Readonly<Record<string, PropertyValue>> = {},
    children: readonly FdtNode[] = [],
  ) {
    this.name = name;
    this.properties = new Map(Object.entries(properties));
    this.children = [...children];
  }
  /** Sets a property; a new one becomes the first. */
  set(name: string, value: PropertyValue): void {
    if (this.properties.has(name)) this.properties.set(name, value);
    else this.properties = new Map([[name, value], ...this.properties]);
  }
  child(name: string): FdtNode | undefined {
    return this.children.find((c) => c.name === name);
  }
  /** Makes a node its first child. */
  addFirst(node: FdtNode): FdtNode {
    this.children.unshift(node);
    return node;
  }
  /** The node at an absolute path of full names (`/cpus/cpu@0`) below this one as the root. */
  find(path: string): FdtNode | undefined {
    let node: FdtNode | undefined = this;
    for (const name of path.split('/').filter((part) => part !== '')) node = node?.child(name);
    return node;
  }
  /** This node and all below, with their paths, parents first. */
  *walk(path = ''): Generator<readonly [path: string, node: FdtNode]> {
    yield [path === '' ? '/' : path, this];
    for (const child of this.children) yield* child.walk(`${path}/${child.name}`);
  }
}
