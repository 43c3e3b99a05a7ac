import { beforeEach, expect, test } from 'vitest';
import { Pl061 } from '../../core/devices/pl061.ts';

const [DIR, IS, IBE, IEV, IE, RIS, MIS, IC] = [0x400, 0x404, 0x408, 0x40c, 0x410, 0x414, 0x418, 0x41c];
const ALL = 0x3fc;
let levels: boolean[];
let outputs: [number, boolean][];
let gpio: Pl061;

beforeEach(() => {
  levels = [];
  outputs = [];
  gpio = new Pl061(
    new Int32Array(new SharedArrayBuffer(4 * Pl061.WORDS)),
    (level) => void levels.push(level),
    (line, level) => void outputs.push([line, level]),
  );
  gpio.reset();
});

test('data accesses are about the lines that the address names', () => {
  gpio.write(DIR, 0xff);
  gpio.write(ALL, 0xa5);
  expect(gpio.read(ALL)).toBe(0xa5);
  expect(gpio.read(0x0f << 2)).toBe(0x05);
  gpio.write(0x80 << 2, 0);
  expect(gpio.read(ALL)).toBe(0x25);
});
test('outputs tell of changes; a line that becomes an output shows what was written', () => {
  gpio.write(DIR, 3);
  gpio.write(ALL, 1);
  gpio.write(ALL, 1);
  gpio.write(ALL, 2);
  expect(outputs).toEqual([
    [0, true],
    [0, false],
    [1, true],
  ]);
});
test('inputs are not written, and outputs not driven', () => {
  gpio.write(ALL, 0xff);
  expect(gpio.read(ALL)).toBe(0);
  gpio.input(3, true);
  expect(gpio.read(ALL)).toBe(8);
  gpio.write(DIR, 8);
  expect(gpio.read(ALL)).toBe(0);
});
test('the power key: both edges interrupt, and each is cleared', () => {
  gpio.write(IBE, 8);
  gpio.write(IE, 8);
  gpio.input(3, true);
  expect([gpio.read(RIS), gpio.read(MIS), levels]).toEqual([8, 8, [true]]);
  gpio.write(IC, 8);
  expect(levels).toEqual([true, false]);
  gpio.input(3, true);
  expect(levels).toEqual([true, false]);
  gpio.input(3, false);
  expect(levels).toEqual([true, false, true]);
});
test('one edge: the one that is asked for', () => {
  gpio.write(IE, 0xff);
  gpio.write(IEV, 1);
  gpio.input(0, true);
  gpio.input(1, true);
  expect(gpio.read(RIS)).toBe(1);
  gpio.write(IC, 1);
  gpio.input(0, false);
  gpio.input(1, false);
  expect(gpio.read(RIS)).toBe(2);
});
test('levels last as long as they are there, and cannot be cleared', () => {
  gpio.write(IS, 0x10);
  gpio.write(IEV, 0xff);
  gpio.write(IE, 0x10);
  gpio.input(4, true);
  gpio.write(IC, 0x10);
  expect([gpio.read(MIS), levels]).toEqual([0x10, [true]]);
  gpio.input(4, false);
  expect([gpio.read(MIS), levels]).toEqual([0, [true, false]]);
});
test('without being enabled an interrupt shows in the raw status only', () => {
  gpio.write(IBE, 1);
  gpio.input(0, true);
  expect([gpio.read(RIS), gpio.read(MIS), levels]).toEqual([1, 0, []]);
});
test('reset makes all lines inputs and takes the interrupt back', () => {
  gpio.write(DIR, 1);
  gpio.write(ALL, 1);
  gpio.write(IBE, 8);
  gpio.write(IE, 8);
  gpio.input(3, true);
  gpio.reset();
  expect([gpio.read(DIR), gpio.read(RIS), gpio.read(ALL)]).toEqual([0, 0, 8]);
  expect(levels).toEqual([true, false]);
});
test('identification', () => {
  expect([0xfe0, 0xfe4, 0xfe8, 0xfec, 0xff0, 0xff4, 0xff8, 0xffc].map((at) => gpio.read(at))).toEqual([
    0x61, 0x10, 0x04, 0, 0x0d, 0xf0, 0x05, 0xb1,
  ]);
});
