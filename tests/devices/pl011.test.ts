import { beforeEach, describe, expect, test } from 'vitest';
import { Pl011 } from '../../core/devices/pl011.ts';

const DR = 0x00;
const FR = 0x18;
const LCR_H = 0x2c;
const CR = 0x30;
const IFLS = 0x34;
const IMSC = 0x38;
const RIS = 0x3c;
const MIS = 0x40;
const ICR = 0x44;
const RX = 1 << 4;
const TX = 1 << 5;
const RT = 1 << 6;
const RXFE = 1 << 4;
const RXFF = 1 << 6;

const sent: number[] = [];
let typed: number[] = [];
const levels: boolean[] = [];
let uart: Pl011;

beforeEach(() => {
  sent.length = 0;
  typed = [];
  levels.length = 0;
  const line = {
    send: (byte: number) => void sent.push(byte),
    receive: () => typed.shift() ?? -1,
    get waiting() {
      return typed.length;
    },
  };
  uart = new Pl011(new Int32Array(new SharedArrayBuffer(4 * Pl011.WORDS)), line, (level) => void levels.push(level));
  uart.reset();
});

const read = (offset: number): number => uart.read(offset, 4);
const write = (offset: number, value: number): void => uart.write(offset, value, 4);
const arrive = (count: number): void => {
  for (let i = 0; i < count; i++) typed.push(0x61 + i);
  uart.arrived();
};
/** UART, transmitter, receiver and FIFOs on. */
const enable = (): void => {
  write(LCR_H, 0x70);
  write(CR, 0x301);
};

test('registers after reset, and the identification that drivers look for', () => {
  expect([0x04, FR, 0x20, 0x24, 0x28, LCR_H, CR, IFLS, IMSC, RIS, MIS, 0x48].map(read)).toEqual([
    ...[0, 0x90, 0, 0, 0, 0, 0x300, 0x12, 0, 0, 0, 0],
  ]);
  const ids = Array.from({ length: 8 }, (_, i) => read(0xfe0 + 4 * i));
  expect(ids).toEqual([0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
});

test('registers keep the bits that they have', () => {
  for (const [offset, mask] of [
    [0x24, 0xffff],
    [0x28, 0x3f],
    [LCR_H, 0xff],
    [IFLS, 0x3f],
    [IMSC, 0x7ff],
    [0x48, 7],
  ] as const) {
    write(offset, 0xffffffff);
    expect(read(offset)).toBe(mask);
  }
  write(FR, 0);
  expect(read(FR)).toBe(0x90);
});

test('bytes written go out, without any setting up, by accesses of any size', () => {
  uart.write(DR, 0x48, 1);
  uart.write(DR, 0x169, 2);
  write(DR, 0xffffff21);
  expect(sent).toEqual([0x48, 0x69, 0x21]);
  expect(uart.read(0xfe4, 1)).toBe(0x10);
  expect(uart.read(CR + 1, 1)).toBe(3);
});

test('polled input works even when the receiver was not enabled', () => {
  expect(read(FR) & RXFE).toBe(RXFE);
  arrive(2);
  expect(read(RIS)).toBe(0);
  expect(read(FR) & RXFE).toBe(0);
  expect([read(DR), read(DR)]).toEqual([0x61, 0x62]);
  expect(read(FR) & RXFE).toBe(RXFE);
});

describe('receive FIFO', () => {
  test('takes 16 bytes, then the line keeps the rest, and nothing is lost', () => {
    enable();
    arrive(20);
    expect(typed.length).toBe(4);
    expect(read(FR) & RXFF).toBe(RXFF);
    const got = Array.from({ length: 20 }, () => read(DR));
    expect(got).toEqual(Array.from({ length: 20 }, (_, i) => 0x61 + i));
    expect(read(FR) & RXFE).toBe(RXFE);
  });
  test('without FIFOs it is one byte deep', () => {
    write(CR, 0x301);
    arrive(2);
    expect(typed.length).toBe(1);
    expect(read(FR) & RXFF).toBe(RXFF);
    expect(read(RIS) & RX).toBe(RX);
    expect([read(DR), read(DR)]).toEqual([0x61, 0x62]);
  });
  test('the level interrupt comes at the trigger and goes below it, the timeout with the last byte', () => {
    enable();
    write(IFLS, 1 << 3);
    arrive(3);
    expect(read(RIS)).toBe(RT);
    arrive(1);
    expect(read(RIS)).toBe(RX | RT);
    read(DR);
    expect(read(RIS)).toBe(RT);
    read(DR);
    read(DR);
    read(DR);
    expect(read(RIS)).toBe(0);
  });
  test('clearing an interrupt leaves the data, and more data raise it again', () => {
    enable();
    arrive(1);
    write(ICR, RT);
    expect(read(RIS)).toBe(0);
    arrive(1);
    expect(read(RIS)).toBe(RT);
  });
  test('turning the FIFOs off empties them', () => {
    enable();
    arrive(3);
    write(LCR_H, 0x60);
    expect(read(FR) & RXFE).toBe(RXFE);
    expect(read(RIS)).toBe(0);
  });
});

test('the interrupt line follows the masked state, and is told of changes only', () => {
  enable();
  write(DR, 0x41);
  expect(read(RIS)).toBe(TX);
  expect(levels).toEqual([]);
  write(IMSC, TX | RX);
  expect(read(MIS)).toBe(TX);
  write(DR, 0x42);
  write(ICR, TX);
  write(IMSC, 0);
  expect(levels).toEqual([true, false]);
});

test('loopback returns what is sent, and the modem lines', () => {
  enable();
  write(CR, 0x381 | (1 << 11) | (1 << 12));
  for (let i = 0; i < 17; i++) write(DR, i);
  expect(sent).toEqual([]);
  expect(read(FR)).toBe(0x80 | RXFF | 1 | 4);
  expect(read(0x04)).toBe(8);
  expect(read(RIS) & (1 << 10)).toBe(1 << 10);
  expect(Array.from({ length: 16 }, () => read(DR))).toEqual(Array.from({ length: 16 }, (_, i) => i));
});
