import { describe, expect, test } from 'vitest';
import { PAS, type PasSet } from '../../core/devices/device.ts';
import type { MachineDescription } from '../../core/machines/machine.ts';
import { type VirtOptions, virtMachine } from '../../core/machines/virt.ts';

const machine = (options: Partial<VirtOptions> = {}): MachineDescription =>
  virtMachine({ cores: 2, memoryBytes: 128 << 20, ...options });
type Place = readonly [base: number, size: number];

/** All ranges of physical addresses, by name, that an address space sees; windows and redistributors included. */
function seen(m: MachineDescription, pas: number): Record<string, Place> {
  const places: Record<string, Place> = {};
  const add = (name: string, set: PasSet, place: Place): void => {
    if ((set >> pas) & 1) places[name] = place;
  };
  for (const r of m.memory) add(r.name, r.pas, [r.base, r.size]);
  for (const d of m.devices) {
    if (d.kind === 'flash') continue;
    add(d.name, d.pas, [d.base, d.size]);
    if (d.kind === 'gicv3') add('gic-redistributors', d.pas, d.redistributors);
    if (d.kind === 'pcie-host') {
      add('pcie-mmio', d.pas, d.mmio);
      add('pcie-mmio-high', d.pas, d.mmioHigh!);
      add('pcie-pio', d.pas, d.pio);
    }
  }
  return places;
}

/** From `info mtree` of QEMU 11.1.3, `-M virt,gic-version=3 -smp 2`, without what is left out here (ITS, CXL, platform bus). */
const COMMON: Record<string, Place> = {
  flash1: [0x04000000, 0x4000000],
  gic: [0x08000000, 0x10000],
  'gic-redistributors': [0x080a0000, 0x40000],
  uart0: [0x09000000, 0x1000],
  rtc: [0x09010000, 0x1000],
  // Data 8 bytes, selector 2 at +8, DMA 8 at +16.
  'fw-cfg': [0x09020000, 0x18],
  gpio: [0x09030000, 0x1000],
  'pcie-mmio': [0x10000000, 0x2eff0000],
  'pcie-pio': [0x3eff0000, 0x10000],
  dram: [0x40000000, 0x8000000],
  pcie: [0x4010000000, 0x10000000],
  'pcie-mmio-high': [0x8000000000, 0x8000000000],
  ...Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`virtio${n}`, [0x0a000000 + 0x200 * n, 0x200] as const])),
};
const FLASH0: Record<string, Place> = { flash0: [0, 0x4000000] };
const SECURE: Record<string, Place> = {
  ...FLASH0,
  uart1: [0x09040000, 0x1000],
  'secure-gpio': [0x090b0000, 0x1000],
  'secure-ram': [0x0e000000, 0x1000000],
};

describe('each address space sees what QEMU has there', () => {
  test.each(Object.values(PAS))('one security state, space %i', (pas) => {
    expect(seen(machine(), pas)).toEqual({ ...FLASH0, ...COMMON });
  });
  test.each<[string, number, Record<string, Place>]>([
    ['Secure', PAS.secure, SECURE],
    ['Root', PAS.root, SECURE],
    ['Non-secure', PAS.nonSecure, {}],
    ['Realm', PAS.realm, {}],
  ])('secure=on, %s', (_, pas, more) => {
    expect(seen(machine({ secure: true }), pas)).toEqual({ ...COMMON, ...more });
  });
});

test.each([{}, { secure: true }, { uarts: 4 }, { secure: true, virtualization: true, uarts: 4, cores: 123 }] as const)(
  'nothing is on top of anything else, and no interrupt has two sources: %o',
  (options) => {
    const m = machine(options);
    const places = Object.values(seen(m, PAS.secure)).sort(([a], [b]) => a - b);
    for (let n = 1; n < places.length; n++) {
      expect(places[n - 1]![0] + places[n - 1]![1]).toBeLessThanOrEqual(places[n]![0]);
    }
    const spis = m.devices.flatMap((d) => d.spis);
    expect(new Set(spis).size).toBe(spis.length);
    const names = m.devices.map((d) => d.name);
    expect(new Set(names).size).toBe(names.length);
  },
);

test('UARTs: the second is Secure with secure=on, and then always there', () => {
  const uarts = (options: Partial<VirtOptions>) =>
    machine(options).devices.flatMap((d) =>
      d.kind === 'pl011' ? [`${d.name} ${d.spis[0]} ${(d.pas >> PAS.nonSecure) & 1}`] : [],
    );
  expect(uarts({})).toEqual(['uart0 1 1']);
  expect(uarts({ uarts: 2 })).toEqual(['uart0 1 1', 'uart1 8 1']);
  expect(uarts({ secure: true })).toEqual(['uart0 1 1', 'uart1 8 0']);
  expect(uarts({ secure: true, uarts: 4 })).toEqual(['uart0 1 1', 'uart1 8 0', 'uart2 10 1', 'uart3 11 1']);
});

test('it is plain data', () => {
  const m = machine({ secure: true, virtualization: true });
  expect(structuredClone(m)).toEqual(m);
  expect([m.el2, m.el3]).toEqual([true, true]);
});
