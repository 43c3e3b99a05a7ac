/**
 * Device trees as comparable data: nodes by path with their properties as lists of cells (or bytes in hexadecimal), in order.
 * Handles are written as the path of the node they mean, as their numbers depend on which nodes there are.
 */
import { cellsOf, type FdtNode, textOf } from '../../../core/boot/fdt.ts';

export type Normal = Record<string, Record<string, string>>;

/** Properties with handles: which cells of a row of `width` cells are one. */
const HANDLES: Readonly<Record<string, { readonly width: number; readonly at: number }>> = {
  'interrupt-parent': { width: 1, at: 0 },
  clocks: { width: 1, at: 0 },
  cpu: { width: 1, at: 0 },
  phandle: { width: 1, at: 0 },
  gpios: { width: 3, at: 0 },
  'interrupt-map': { width: 10, at: 4 },
};
/** A list of printable strings. */
const isText = (value: Uint8Array): boolean =>
  textOf(value) !== null &&
  value[0] !== 0 &&
  value.every((b, n) => (b >= 32 && b < 127) || (b === 0 && value[n - 1] !== 0));

export function normalise(root: FdtNode): Normal {
  const paths = new Map<number, string>();
  for (const [path, node] of root.walk()) {
    const handle = cellsOf(node.properties.get('phandle'))?.[0];
    if (handle !== undefined) paths.set(handle, path);
  }
  const value = (name: string, bytes: Uint8Array): string => {
    if (bytes.length === 0) return '';
    if (isText(bytes)) return JSON.stringify(new TextDecoder().decode(bytes.subarray(0, -1)).split('\0'));
    const handle = HANDLES[name];
    const cells = cellsOf(bytes);
    if (!cells) return Buffer.from(bytes).toString('hex');
    const cell = (c: number, n: number): string =>
      handle && n % handle.width === handle.at ? (paths.get(c) ?? `?${c}`) : `0x${c.toString(16)}`;
    return `<${cells.map(cell).join(' ')}>`;
  };
  return Object.fromEntries(
    [...root.walk()].map(([path, node]) => [
      path,
      Object.fromEntries(
        [...node.properties].map(([name, bytes]) => [
          name,
          /-seed$/.test(name) ? `${bytes.length} bytes` : value(name, bytes),
        ]),
      ),
    ]),
  );
}
