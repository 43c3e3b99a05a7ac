import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { cellsOf, FdtNode, strings, textOf } from '../../core/boot/fdt.ts';
import { readFdt } from '../../core/boot/fdt-read.ts';
import { writeFdt } from '../../core/boot/fdt-write.ts';
import { type BootOptions, type BootPlan, planBoot } from '../../core/boot/plan.ts';
import { type VirtOptions, virtMachine } from '../../core/machines/virt.ts';
import { UserError } from '../../core/system/errors.ts';
import { buildElf, code } from '../support/elf-builder.ts';

const MIB = 1 << 20;
const RAM = 0x40000000;
const NOP = 0xd503201f;
const file = (bytes: Uint8Array, name = 'file') => ({ name, bytes });
/** The header of an arm64 Image, and `length` bytes in all. */
function image(size = 0x20000, textOffset = 0, length = 4096): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x14000010, true);
  view.setBigUint64(8, BigInt(textOffset), true);
  view.setBigUint64(16, BigInt(size), true);
  view.setUint32(56, 0x644d5241, true);
  return bytes;
}
function zboot(payload: Uint8Array, method: string): Uint8Array {
  const bytes = new Uint8Array(512 + payload.length);
  bytes.set([0x4d, 0x5a, 0, 0, ...new TextEncoder().encode('zimg')]);
  new DataView(bytes.buffer).setUint32(8, 512, true);
  new DataView(bytes.buffer).setUint32(12, payload.length, true);
  bytes.set(new TextEncoder().encode(method), 24);
  bytes.set(payload, 512);
  return bytes;
}
const plan = (options: Partial<BootOptions>, machine: Partial<VirtOptions> = {}): BootPlan =>
  planBoot({ machine: virtMachine({ cores: 1, memoryBytes: 128 * MIB, ...machine }), cpuModel: 'max', ...options });
const addresses = (p: BootPlan): number[] => p.images.map((i) => i.address).sort((a, b) => a - b);
const at = (p: BootPlan, address: number): Uint8Array => p.images.find((i) => i.address === address)!.bytes;
const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).not.toContain('\n');
    return (error as Error).message;
  }
  throw new Error('it was not refused');
};

/** What `info roms` of QEMU 11.1.3 gives for the same files: stub, kernel, initial RAM disk, device tree. */
describe('places are those of QEMU', () => {
  const initrd = file(new Uint8Array(5000));
  test.each<[string, Partial<BootOptions>, number, number[]]>([
    ['an Image', { kernel: file(image()) }, 128, [RAM, 0x40200000, 0x44000000]],
    ['with an initial RAM disk', { kernel: file(image()), initrd }, 128, [RAM, 0x40200000, 0x44000000, 0x44200000]],
    ['1 GiB', { kernel: file(image()), initrd }, 1024, [RAM, 0x40200000, 0x48000000, 0x48200000]],
    ['an old Image without size', { kernel: file(image(0, 0x80000)) }, 128, [RAM, 0x40080000, 0x44000000]],
    ['a large one', { kernel: file(image(0x5000001)), initrd }, 128, [RAM, 0x40200000, 0x45201000, 0x45400000]],
    ['a size below that of the file', { kernel: file(image(0x20)) }, 128, [RAM, 0x40200000, 0x44000000]],
    ['an odd text offset', { kernel: file(image(0x1000, 0x123456)) }, 1024, [RAM, 0x40123456, 0x48000000]],
    ['little memory', { kernel: file(image()) }, 8, [RAM, 0x40200000, 0x40400000]],
    ['gzip', { kernel: file(gzipSync(image())) }, 128, [RAM, 0x40200000, 0x44000000]],
    ['a program near the start', { kernel: file(program(0x40080000)) }, 128, [0x40080000]],
    ['a program at the start', { kernel: file(program(0x40000000)) }, 128, [0, 0x40000000]],
    ['a program further up', { kernel: file(program(0x40400000)), initrd }, 128, [RAM, 0x40400000]],
    [
      'a file at an address',
      { kernel: file(image()), loaders: [{ ...initrd, address: 0x46000000, raw: true }] },
      128,
      [RAM, 0x40200000, 0x44000000, 0x46000000],
    ],
  ])('%s', (_, options, mib, expected) => {
    expect(addresses(plan(options, { memoryBytes: mib * MIB }))).toEqual(expected);
  });
});
function program(address: number): Uint8Array {
  return buildElf({ segments: [{ address, bytes: code(NOP, NOP), memoryBytes: 0x1000 }] });
}

describe('levels and PSCI', () => {
  const kernel = file(image());
  const elf = file(program(0x40400000));
  const firmware = file(new Uint8Array(100));
  const [secure, virtualization] = [true, true];
  test.each<[string, Partial<BootOptions>, Partial<VirtOptions>, [number, string, boolean]]>([
    ['Linux', { kernel }, {}, [1, 'hvc', false]],
    ['Linux, EL2', { kernel }, { virtualization }, [2, 'smc', false]],
    ['Linux, EL3', { kernel }, { secure }, [1, 'hvc', true]],
    ['Linux, EL2 and EL3', { kernel }, { secure, virtualization }, [2, 'smc', true]],
    ['a program', { kernel: elf }, {}, [1, 'hvc', false]],
    ['a program, EL2', { kernel: elf }, { virtualization }, [2, 'smc', false]],
    ['a program, EL3', { kernel: elf }, { secure }, [3, 'none', false]],
    ['firmware', { firmware }, {}, [1, 'hvc', false]],
    ['firmware, EL2', { firmware }, { virtualization }, [2, 'smc', false]],
    ['firmware, EL2 and EL3', { firmware, kernel }, { secure, virtualization }, [3, 'none', false]],
  ])('%s', (_, options, machine, [el, psci, skipsEl3]) => {
    const p = plan(options, machine);
    expect([p.startEl, p.psci, p.skipsEl3]).toEqual([el, psci, skipsEl3]);
    const tree = readFdt(p.dtb.bytes, 'tree');
    expect(textOf(tree.find('/psci')?.properties.get('method')) ?? 'none').toBe(psci);
  });
});

describe('what starts', () => {
  test('a kernel, through a stub that gives it the device tree', () => {
    const p = plan({ kernel: file(image()), commandLine: 'quiet' });
    expect(p.entry).toBe(BigInt(RAM));
    const stub = new DataView(at(p, RAM).buffer);
    // The two literals, and the loads that reach them: LDR X0, .+24 and, four words on, LDR X4, .+16.
    expect([stub.getBigUint64(24, true), stub.getBigUint64(32, true)]).toEqual([0x44000000n, 0x40200000n]);
    expect([0, 16].map((n) => n + ((stub.getUint32(n, true) >>> 5) & 0x7ffff) * 4)).toEqual([24, 32]);
    expect([0, 16].map((n) => stub.getUint32(n, true) & 0xff00001f)).toEqual([0x58000000, 0x58000004]);
    expect([p.dtb.address, at(p, 0x44000000)]).toEqual([0x44000000, p.dtb.bytes]);
    expect(p.images.find((i) => i.address === 0x40200000)?.memoryBytes).toBe(0x20000);
  });
  test('a program at its entry, and nothing else is loaded for it', () => {
    const p = plan({ kernel: file(program(0x40400000)), initrd: file(new Uint8Array(9)) });
    expect(p.entry).toBe(0x40400000n);
    expect(readFdt(p.dtb.bytes, 'tree').find('/chosen')?.properties.has('linux,initrd-start')).toBe(false);
  });
  test('firmware at 0; the kernel is for it to find', () => {
    const firmware = new Uint8Array(1000).fill(0x55);
    const p = plan({
      firmware: file(firmware),
      kernel: file(gzipSync(image())),
      initrd: file(Uint8Array.of(1, 2)),
      commandLine: 'a b',
    });
    expect([p.entry, p.dtb.address]).toEqual([0n, RAM]);
    expect(addresses(p)).toEqual([0, RAM]);
    expect(at(p, 0)).toEqual(firmware);
    const item = (key: number): Uint8Array | undefined => p.fwCfg.find((i) => i.key === key)?.bytes;
    expect(Buffer.compare(item(0x11)!, image())).toBe(0);
    expect([...item(8)!]).toEqual([0, 0x10, 0, 0]);
    expect([...item(0x12)!]).toEqual([1, 2]);
    expect(new TextDecoder().decode(item(0x15))).toBe('a b\0');
  });
  test('flash images fill their bank', () => {
    const flash = [file(new Uint8Array(64 * MIB)), file(new Uint8Array(64 * MIB))];
    expect(addresses(plan({ flash }))).toEqual([0, 0x4000000, RAM]);
  });
  test('a core at the address of a loaded file', () => {
    const p = plan({ loaders: [{ ...file(new Uint8Array(4)), address: 0x41000000, raw: true, core: 0 }] });
    expect(p.entries).toEqual([{ core: 0, entry: 0x41000000n }]);
  });
  test.each(['gzip', 'zstd'])('a kernel in an EFI zboot image, %s', (method) => {
    const payload = method === 'gzip' ? gzipSync(image()) : zstdCompressSync(image());
    const p = plan({ kernel: file(zboot(payload, method)) });
    expect(Buffer.compare(at(p, 0x40200000), image())).toBe(0);
  });
});

describe('a device tree of the user', () => {
  const tree = (cells = [2, 2]): FdtNode =>
    new FdtNode(
      '',
      { '#address-cells': Uint8Array.of(0, 0, 0, cells[0]!), '#size-cells': Uint8Array.of(0, 0, 0, cells[1]!) },
      [
        new FdtNode('memory', { device_type: strings('memory') }),
        new FdtNode('psci', { method: strings('smc'), own: strings('x') }),
        new FdtNode('chosen', { bootargs: strings('old'), 'kaslr-seed': new Uint8Array(8) }),
      ],
    );
  const read = (root: FdtNode, more: Partial<BootOptions> = {}): FdtNode =>
    readFdt(plan({ kernel: file(image()), dtb: file(writeFdt(root), 'my.dtb'), ...more }).dtb.bytes, 'x');

  test('gets memory, command line, initial RAM disk, PSCI and seeds', () => {
    const root = read(tree(), {
      commandLine: 'new',
      initrd: file(new Uint8Array(100)),
      random: (n) => new Uint8Array(n).fill(7),
    });
    expect(root.children.map((c) => c.name)).toEqual(['psci', 'memory@40000000', 'chosen']);
    expect(cellsOf(root.find('/memory@40000000')?.properties.get('reg'))).toEqual([0, RAM, 0, 128 * MIB]);
    const chosen = root.find('/chosen')!.properties;
    expect(textOf(chosen.get('bootargs'))).toBe('new');
    expect(cellsOf(chosen.get('linux,initrd-start'))).toEqual([0, 0x44000000]);
    expect(cellsOf(chosen.get('linux,initrd-end'))).toEqual([0, 0x44000064]);
    expect([...chosen.get('kaslr-seed')!]).toEqual([7, 7, 7, 7, 7, 7, 7, 7]);
    const psci = root.find('/psci')!.properties;
    expect([textOf(psci.get('method')), psci.has('own')]).toEqual(['hvc', false]);
  });
  test('with one cell for addresses', () => {
    expect(
      cellsOf(
        read(tree([1, 1]))
          .find('/memory@40000000')
          ?.properties.get('reg'),
      ),
    ).toEqual([RAM, 128 * MIB]);
  });
  test('is refused without cell counts, or where they cannot tell the size', () => {
    const no = tree();
    no.properties.delete('#size-cells');
    expect(refusal(() => read(no))).toMatch(/^my\.dtb: .*#size-cells/);
    const machine = virtMachine({ cores: 1, memoryBytes: 4096 * MIB });
    expect(refusal(() => read(tree([2, 1]), { machine }))).toMatch(/^my\.dtb: .*32-bit/);
  });
});

test('seeds are there with a source of random bytes, and not without', () => {
  const seeds = (options: Partial<BootOptions>) =>
    readFdt(plan({ kernel: file(image()), ...options }).dtb.bytes, 'x').find('/chosen')!.properties;
  expect(seeds({}).has('rng-seed')).toBe(false);
  expect([...seeds({ random: (n) => new Uint8Array(n).fill(n) }).get('rng-seed')!]).toEqual(Array(32).fill(32));
});

describe('refused, in one line', () => {
  const kernel = file(image(), 'Image');
  const huge = image();
  new DataView(huge.buffer).setBigUint64(16, 2n ** 60n, true);
  const bomb = gzipSync(new Uint8Array(257 * MIB), { level: 1 });
  test.each<[string, Partial<BootOptions>, Partial<VirtOptions>, RegExp]>([
    ['nothing', {}, {}, /nothing to start/],
    ['an empty kernel', { kernel: file(new Uint8Array(0)) }, {}, /empty file/],
    ['a kernel larger than memory', { kernel: file(image(128 * MIB), 'Image') }, {}, /^Image: too large for memory/],
    [
      'a file larger than memory',
      { kernel: file(new Uint8Array(9 * MIB), 'raw') },
      { memoryBytes: 8 * MIB },
      /^raw: too large/,
    ],
    ['a size that nothing has', { kernel: file(huge) }, {}, /no sensible size/],
    [
      'an initial RAM disk larger than memory',
      { kernel, initrd: file(new Uint8Array(65 * MIB), 'rd') },
      {},
      /^rd: too large/,
    ],
    [
      'a gzip file that is damaged',
      { kernel: file(gzipSync(image()).subarray(0, 30), 'k.gz') },
      {},
      /^k\.gz: damaged or truncated gzip/,
    ],
    ['one that unpacks to too much', { kernel: file(bomb, 'k.gz') }, {}, /larger than 256 MiB/],
    [
      'a zboot image cut short',
      { kernel: file(zboot(gzipSync(image()), 'gzip').subarray(0, 520), 'z') },
      {},
      /truncated EFI zboot/,
    ],
    [
      'a zboot header cut short',
      { kernel: file(zboot(image(), 'gzip').subarray(0, 20), 'z') },
      {},
      /header is incomplete/,
    ],
    ['an unknown compression', { kernel: file(zboot(image(), 'lzma'), 'z') }, {}, /"lzma"/],
    [
      'firmware larger than the flash',
      { firmware: file(new Uint8Array(64 * MIB + 1), 'fw') },
      {},
      /^fw: too large: the flash has 64 MiB/,
    ],
    [
      'a flash image of another size',
      { flash: [file(new Uint8Array(MIB), 'fd')] },
      {},
      /^fd: a flash image must have 67108864 bytes/,
    ],
    [
      'two contents of the first flash',
      { firmware: file(new Uint8Array(1)), flash: [file(new Uint8Array(1))] },
      {},
      /one content/,
    ],
    [
      'files on top of each other',
      { kernel, loaders: [{ ...file(new Uint8Array(9), 'blob'), address: 0x40200010, raw: true }] },
      {},
      /Image .* and blob .* overlap/,
    ],
    [
      'a file where nothing is',
      { kernel, loaders: [{ ...file(new Uint8Array(9), 'blob'), address: 0x30000000, raw: true }] },
      {},
      /^blob: there is no memory at 0x30000000/,
    ],
    [
      'a file without address',
      { kernel, loaders: [{ ...file(new Uint8Array(9), 'blob'), raw: true }] },
      {},
      /^blob: where/,
    ],
    [
      'a file of fw_cfg twice',
      { kernel, fwCfg: [{ file: 'bootorder', bytes: new Uint8Array(1) }] },
      {},
      /bootorder already/,
    ],
  ])('%s', (_, options, machine, message) => {
    expect(refusal(() => plan(options, machine))).toMatch(message);
  });
  test('machines that cannot be', () => {
    expect(refusal(() => virtMachine({ cores: 0, memoryBytes: MIB }))).toMatch(/1 to 123 cores/);
    expect(refusal(() => virtMachine({ cores: 1, memoryBytes: 1000 }))).toMatch(/4096/);
    expect(refusal(() => virtMachine({ cores: 1, memoryBytes: 2 ** 40 }))).toMatch(/255 GiB/);
  });
});
