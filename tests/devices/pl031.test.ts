import { beforeEach, expect, test } from 'vitest';
import { Pl031 } from '../../core/devices/pl031.ts';

const [DR, MR, LR, CR, IMSC, RIS, MIS, ICR] = [0, 4, 8, 12, 16, 20, 24, 28];
let now: number;
let levels: boolean[];
let rearmed: number;
let rtc: Pl031;

beforeEach(() => {
  now = 1_700_000_000;
  levels = [];
  rearmed = 0;
  const source = {
    seconds: () => now,
    rearm: () => {
      rearmed++;
    },
  };
  rtc = new Pl031(new Int32Array(new SharedArrayBuffer(4 * Pl031.WORDS)), source, (level) => void levels.push(level));
  rtc.reset();
});
const read = (offset: number): number => rtc.read(offset) >>> 0;

test('counts the seconds of its source', () => {
  expect(read(DR)).toBe(1_700_000_000);
  now += 5.7;
  expect(read(DR)).toBe(1_700_000_005);
  expect(read(CR)).toBe(1);
});
test('loading sets the count, and it goes on from there', () => {
  rtc.write(LR, 1000);
  now += 7;
  expect([read(DR), read(LR)]).toEqual([1007, 1000]);
});
test('dates beyond 2038 are unsigned', () => {
  rtc.write(LR, 0xfffffffe | 0);
  expect(read(DR)).toBe(0xfffffffe);
  now += 3;
  expect(read(DR)).toBe(1);
});
test('a match raises the interrupt at its time, where it is not masked', () => {
  rtc.write(IMSC, 1);
  rtc.write(MR, 1_700_000_010);
  expect([rtc.due, rearmed]).toEqual([10, 1]);
  now += 9;
  rtc.check();
  expect([rtc.due, read(RIS)]).toEqual([1, 0]);
  now += 1;
  rtc.check();
  expect([rtc.due, read(RIS), read(MIS), levels]).toEqual([null, 1, 1, [true]]);
  rtc.write(ICR, 1);
  expect([read(RIS), levels]).toEqual([0, [true, false]]);
});
test('a masked match shows in the raw status only', () => {
  rtc.write(MR, 1_700_000_001);
  now += 2;
  rtc.check();
  expect([read(RIS), read(MIS), levels]).toEqual([1, 0, []]);
  rtc.write(IMSC, 1);
  expect(levels).toEqual([true]);
});
test('a match that is the present time comes at once; one after the end of the count takes the way round', () => {
  rtc.write(IMSC, 1);
  rtc.write(MR, 1_700_000_000);
  expect(levels).toEqual([true]);
  rtc.write(LR, 0xfffffff0 | 0);
  rtc.write(ICR, 1);
  rtc.write(MR, 5);
  expect(rtc.due).toBe(21);
});
test('identification', () => {
  expect([0xfe0, 0xfe4, 0xfe8, 0xfec, 0xff0, 0xff4, 0xff8, 0xffc].map(read)).toEqual([
    0x31, 0x10, 0x14, 0, 0x0d, 0xf0, 0x05, 0xb1,
  ]);
});
