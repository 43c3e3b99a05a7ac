import { expect, test } from 'vitest';
import { PcieConfiguration, PcieWindow } from '../../core/devices/pcie-host.ts';

const bridge = (): PcieConfiguration => {
  const device = new PcieConfiguration(new Int32Array(new SharedArrayBuffer(4 * PcieConfiguration.WORDS)));
  device.reset();
  return device;
};

test('00:00.0 is a host bridge 1b36:0008', () => {
  const device = bridge();
  expect([device.read(0, 2), device.read(2, 2), device.read(0, 4)]).toEqual([0x1b36, 0x0008, 0x00081b36]);
  expect([device.read(0xb, 1), device.read(0xa, 1), device.read(0xe, 1)]).toEqual([0x06, 0x00, 0x00]);
  expect([device.read(0x2c, 2), device.read(0x2e, 2)]).toEqual([0x1af4, 0x1100]);
});
test('it has no base addresses and no capabilities', () => {
  const device = bridge();
  device.write(0x10, -1, 4);
  expect([device.read(0x10, 4), device.read(0x34, 1), device.read(0x100, 4)]).toEqual([0, 0, 0]);
});
test('command bits that exist are kept, by any width, until reset', () => {
  const device = bridge();
  device.write(4, 0xffff, 2);
  expect(device.read(4, 4)).toBe(0x0507);
  device.write(5, 0, 1);
  expect(device.read(4, 2)).toBe(0x0007);
  device.reset();
  expect(device.read(4, 2)).toBe(0);
});
test('all other functions are absent', () => {
  const device = bridge();
  expect(device.read(0x1000, 2)).toBe(0xffff);
  expect(device.read(0x8000, 4) >>> 0).toBe(0xffffffff);
  device.write(0x1004, 7, 2);
  expect(device.read(4, 2)).toBe(0);
});
test('windows read as all ones', () => {
  const window = new PcieWindow();
  expect([window.read(0, 1), window.read(2, 2), window.read(4, 4) >>> 0]).toEqual([0xff, 0xffff, 0xffffffff]);
});
