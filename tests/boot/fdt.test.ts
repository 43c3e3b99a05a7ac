import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { cells, cellsOf, EMPTY, FdtNode, strings, textOf, wide } from '../../core/boot/fdt.ts';
import { readFdt } from '../../core/boot/fdt-read.ts';
import { writeFdt } from '../../core/boot/fdt-write.ts';
import { UserError } from '../../core/system/errors.ts';

const sample = (): FdtNode =>
  new FdtNode('', { '#address-cells': cells(2), model: strings('a machine') }, [
    new FdtNode('cpus', {}, [new FdtNode('cpu@0', { reg: cells(0), odd: Uint8Array.of(1, 2, 3) })]),
    new FdtNode('memory@40000000', { reg: wide(0x40000000, 2 ** 33), flag: EMPTY }),
  ]);
const plain = (root: FdtNode): unknown =>
  [...root.walk()].map(([path, node]) => [path, [...node.properties].map(([name, value]) => [name, [...value]])]);

describe('values', () => {
  test('cells are big-endian and unsigned', () => {
    expect([...cells(0x12345678)]).toEqual([0x12, 0x34, 0x56, 0x78]);
    expect(cellsOf(cells(0xffffffff, 1))).toEqual([0xffffffff, 1]);
    expect(cellsOf(wide(2 ** 33 + 5))).toEqual([2, 5]);
    expect(cellsOf(Uint8Array.of(1))).toBeNull();
  });
  test('strings end with zeros', () => {
    expect([...strings('ab', 'c')]).toEqual([0x61, 0x62, 0, 0x63, 0]);
    expect(textOf(strings('ab', 'c'))).toBe('ab');
    expect(textOf(Uint8Array.of(0x61))).toBeNull();
  });
});

describe('a written tree', () => {
  test('is read back as it was', () => {
    expect(plain(readFdt(writeFdt(sample()), 'sample'))).toEqual(plain(sample()));
  });
  test('is as long as it is told to be', () => {
    const blob = writeFdt(sample(), 1 << 20);
    expect(blob.length).toBe(1 << 20);
    expect(new DataView(blob.buffer).getUint32(4)).toBe(1 << 20);
    expect(plain(readFdt(blob, 'sample'))).toEqual(plain(sample()));
  });
  test('is understood by dtc', (context) => {
    let text: string;
    try {
      text = execFileSync('dtc', ['-q', '-I', 'dtb', '-O', 'dts'], {
        input: writeFdt(sample(), 4096),
        encoding: 'utf8',
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return context.skip('dtc is not installed');
      throw error;
    }
    expect(text.replace(/\s+/g, ' ')).toBe(
      '/dts-v1/; / { #address-cells = <0x02>; model = "a machine"; cpus { cpu@0 { reg = <0x00>; odd = [01 02 03]; }; }; ' +
        'memory@40000000 { reg = <0x00 0x40000000 0x02 0x00>; flag; }; }; ',
    );
  });
});

test('new properties and nodes come first; changed ones stay where they are', () => {
  const node = new FdtNode('chosen', { a: cells(1), b: cells(2) });
  node.set('b', cells(3));
  node.set('c', cells(4));
  expect([...node.properties.keys()]).toEqual(['c', 'a', 'b']);
  const root = sample();
  root.addFirst(node);
  expect(root.children[0]).toBe(node);
  expect(root.find('/cpus/cpu@0')?.name).toBe('cpu@0');
  expect(root.find('/cpus/cpu@1')).toBeUndefined();
});

describe('a damaged blob is refused with one line', () => {
  const blob = writeFdt(sample());
  const changed = (change: (view: DataView) => void): Uint8Array => {
    const copy = blob.slice();
    change(new DataView(copy.buffer));
    return copy;
  };
  const deep = (): Uint8Array => {
    let node = new FdtNode('x');
    for (let n = 0; n < 100; n++) node = new FdtNode('x', {}, [node]);
    return writeFdt(node);
  };
  test.each<[string, Uint8Array, RegExp]>([
    ['no tree at all', new Uint8Array(100), /not a device tree blob/],
    ['a header cut short', blob.slice(0, 20), /header is incomplete/],
    ['a blob cut short', blob.slice(0, -1), /truncated: it says/],
    ['an unknown version', changed((v) => v.setUint32(24, 99)), /version/],
    ['a structure outside', changed((v) => v.setUint32(8, 0x7ffffff0)), /outside/],
    ['a structure without end', changed((v) => v.setUint32(36, 8)), /no end|damaged/],
    ['a property that is too long', changed((v) => v.setUint32(64 + 12, 0x7fffffff)), /property/],
    ['an unknown token', changed((v) => v.setUint32(64, 7)), /no root node/],
    ['nodes without end', deep(), /deep/],
    ['too much', new Uint8Array([...blob.slice(0, 40), ...new Uint8Array(3 << 20)]), /more than 2 MiB/],
  ])('%s', (_, bytes, message) => {
    let error: unknown;
    try {
      readFdt(bytes, 'my.dtb');
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toMatch(/^my\.dtb: [^\n]+$/);
  });
});
