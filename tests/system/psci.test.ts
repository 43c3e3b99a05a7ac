import { beforeEach, expect, test } from 'vitest';
import { type PowerControl, psciCall } from '../../core/system/psci.ts';
import { FakeCpu } from '../support/fake-cpu.ts';

const SMC64 = 0x40000000;
const CPU_ON = 0x84000003;
const AFFINITY_INFO = 0x84000004;
const FEATURES = 0x8400000a;

let cpu: FakeCpu;
let states: ('on' | 'off' | 'pending')[];
let log: unknown[];
let power: PowerControl;

beforeEach(() => {
  cpu = new FakeCpu();
  states = ['on', 'off', 'pending', 'off'];
  log = [];
  power = {
    cores: 4,
    // Two clusters of two.
    affinity: (core) => BigInt(((core >> 1) << 8) | (core & 1)),
    level: 1,
    power: (core) => states[core]!,
    turnOn: (...start) => {
      log.push(start);
      return states[start[0]] === 'off';
    },
    isMemory: (address) => address >= 0x40000000n && address < 0x50000000n,
    systemOff: () => void log.push('off'),
    systemReset: () => void log.push('reset'),
  };
});

function call(id: number, ...args: (number | bigint)[]): bigint | string {
  cpu.setX(0, BigInt(id >>> 0));
  for (let n = 1; n <= 3; n++) cpu.setX(n, BigInt.asUintN(64, BigInt(args[n - 1] ?? 0)));
  const outcome = psciCall(power, cpu);
  return outcome === 'continue' ? BigInt.asIntN(64, cpu.x(0)) : outcome;
}

test('versions and features', () => {
  expect(call(0x84000000)).toBe(0x10001n);
  expect(call(0x80000000)).toBe(0x10001n);
  expect(call(0x84000006)).toBe(2n);
  const present = [0x84000000, 0x84000001, 0xc4000001, 0x84000002, CPU_ON, CPU_ON + SMC64, AFFINITY_INFO, 0x84000008];
  for (const id of [...present, 0x84000009, FEATURES, 0x84000012, 0xc4000012, 0x80000000]) {
    expect(call(FEATURES, id), id.toString(16)).toBe(0n);
  }
  for (const id of [0xc4000000, 0xc4000002, 0x84000005, 0x8400000e, 0x84000013, 0x80000001, 0x12345]) {
    expect(call(FEATURES, id), id.toString(16)).toBe(-1n);
  }
  expect(call(0x80000001, 0x80000001)).toBe(0n);
  expect(call(0x80000001, 0x80008000)).toBe(-1n);
  expect(call(0x84000077)).toBe(-1n);
});

test('CPU_ON starts a core that is off, with its context', () => {
  expect(call(CPU_ON + SMC64, 1, 0x40001000n, 0x1_2345_6789_abcdn)).toBe(0n);
  expect(log).toEqual([[1, 0x40001000n, 0x1_2345_6789_abcdn, 1]]);
  expect(call(CPU_ON, 0x101, 0xf_40001000n, -1)).toBe(0n);
  expect(log[1]).toEqual([3, 0x40001000n, 0xffffffffn, 1]);
});

test('a core starts at the highest level that there is, though its caller has left it', () => {
  power = { ...power, level: 2 };
  cpu.el = 1;
  expect(call(CPU_ON, 1, 0x40001000)).toBe(0n);
  expect(log).toEqual([[1, 0x40001000n, 0n, 2]]);
});

test('CPU_ON refuses what it cannot do', () => {
  expect(call(CPU_ON, 0, 0x40001000)).toBe(-4n);
  expect(call(CPU_ON, 0x100, 0x40001000)).toBe(-5n);
  expect(call(CPU_ON, 2, 0x40001000)).toBe(-2n);
  expect(call(CPU_ON + SMC64, 1n << 40n, 0x40001000)).toBe(-2n);
  expect(call(CPU_ON, 1, 0x1000)).toBe(-9n);
  expect(call(CPU_ON, 1, 0x40001002)).toBe(-9n);
  expect(log).toEqual([]);
});

test('AFFINITY_INFO tells of a core, and of what is below an affinity level', () => {
  expect([0, 1, 0x100, 0x101].map((mpidr) => call(AFFINITY_INFO, mpidr, 0))).toEqual([0n, 1n, 2n, 1n]);
  expect(call(AFFINITY_INFO, 0x000, 1)).toBe(0n);
  expect(call(AFFINITY_INFO, 0x1ff, 1)).toBe(2n);
  expect(call(AFFINITY_INFO, 0, 3)).toBe(0n);
  expect(call(AFFINITY_INFO, 0x200, 1)).toBe(-2n);
  expect(call(AFFINITY_INFO, 0, 4)).toBe(-2n);
});

test('cores go off, wait, and the system ends', () => {
  expect(call(0x84000002)).toBe('off');
  expect(call(0xc4000001, 0x10000, 0x40001000)).toBe('wait');
  expect(cpu.x(0)).toBe(0n);
  expect(call(0x84000008)).toBe('system');
  expect(call(0x84000009)).toBe('system');
  expect(call(0xc4000012, 0)).toBe('system');
  expect(call(0xc4000012, 0x80000000)).toBe(-2n);
  expect(log).toEqual(['off', 'reset', 'reset']);
});

test('other registers are kept', () => {
  for (let n = 0; n < 31; n++) cpu.setX(n, BigInt(1000 + n));
  cpu.setX(0, 0x84000000n);
  psciCall(power, cpu);
  expect([...cpu.registers].slice(1)).toEqual(Array.from({ length: 30 }, (_, n) => BigInt(1001 + n)));
});
