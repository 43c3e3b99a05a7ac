/** What a launch's fields become. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FW_CFG_KEY } from '../../core/boot/fw-cfg-items.ts';
import { parseQemu } from '../../core/cli/qemu/parse.ts';
import { configureLaunch, treeOfLaunch } from '../../core/machines/configure.ts';
import { guest } from '../support/trireme.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trireme-configure-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const launch = (line: string) =>
  parseQemu(`-M virt -kernel ${guest('virt')} ${line}`.split(' ').filter((word) => word !== '')).launch;
const configure = (line: string) => configureLaunch(launch(line));
/** A property of a launch's device tree, as fdtget prints it. */
function property(line: string, path: string, name: string, type: string): string {
  const file = join(folder, 't.dtb');
  writeFileSync(file, treeOfLaunch(launch(line)));
  return execFileSync('fdtget', ['-d', '-', '-t', type, file, path, name], { encoding: 'utf8' }).trim();
}
function nodes(line: string, path: string): string[] {
  const file = join(folder, 't.dtb');
  writeFileSync(file, treeOfLaunch(launch(line)));
  return execFileSync('fdtget', ['-l', file, path], { encoding: 'utf8' }).trim().split('\n');
}

test('seeds of the device tree: of the host, of the run, or none', () => {
  const seed = (line: string): string => property(line, '/chosen', 'rng-seed', 'bx');
  expect(seed('').split(' ').length).toBe(32);
  expect(seed('')).not.toBe(seed(''));
  expect(seed('-seed 1')).toBe(seed('-seed 1'));
  expect(seed('-seed 1')).not.toBe(seed('-seed 2'));
  expect(seed('--deterministic')).toBe(seed('--deterministic'));
  expect(seed('-M dtb-randomness=off')).toBe('-');
});

test('a machine with nothing to run has a device tree', () => {
  const idle = parseQemu(['-M', 'virt,dumpdtb=t', '-smp', '2']).launch;
  const file = join(folder, 'idle.dtb');
  writeFileSync(file, treeOfLaunch(idle));
  expect(execFileSync('fdtget', ['-l', file, '/cpus'], { encoding: 'utf8' })).toContain('cpu@1\n');
  expect(() => configureLaunch(idle)).toThrow(/nothing to start/);
});

test('the topology of the cores', () => {
  expect(nodes('-smp 4', '/cpus/cpu-map')).toEqual(['socket0']);
  const line = '-smp 8,sockets=2,clusters=2,threads=2';
  expect(nodes(line, '/cpus/cpu-map')).toEqual(['socket0', 'socket1']);
  expect(nodes(line, '/cpus/cpu-map/socket1')).toEqual(['cluster0', 'cluster1']);
  expect(nodes(line, '/cpus/cpu-map/socket1/cluster1/core0')).toEqual(['thread0', 'thread1']);
  const cpu = property(line, '/cpus/cpu-map/socket1/cluster1/core0/thread1', 'cpu', 'u');
  expect(cpu).toBe(property(line, '/cpus/cpu@7', 'phandle', 'u'));
});

test('what firmware is told about booting, as QEMU 11.1 tells it', () => {
  const told = (line: string): Record<string, string> => {
    const disks = ['a', 'b', 'c'].map((id) => `-drive if=none,id=${id},file=${guest('virt')},format=raw,readonly=on`);
    const items = configure(`${disks.join(' ')} ${line}`).fwCfg ?? [];
    const wanted = items.filter(({ key, file }) => key === FW_CFG_KEY.bootMenu || file?.includes('boot'));
    return Object.fromEntries(
      wanted.map(({ key, file, bytes }) => [file ?? key, Buffer.from(bytes).toString('latin1')]),
    );
  };
  const none = { 14: '\0\0', bootorder: '', 'etc/boot-fail-wait': '\xff\xff\xff\xff' };
  const disk = '-device virtio-blk-device,drive=';
  expect(told(`${disk}a ${disk}b,bootindex=-1`)).toEqual(none);
  const order = `${disk}a,bootindex=3 ${disk}b ${disk}c,bootindex=0x0`;
  const paths = '/virtio-mmio@000000000a003a00/disk@0,0\n/virtio-mmio@000000000a003e00/disk@0,0';
  expect(told(order)).toEqual({ ...none, bootorder: `${paths}\0` });
  expect(told(`${order} -boot strict=on`)).toEqual({ ...none, bootorder: `${paths}\nHALT\0` });
  expect(told('-boot strict=on')).toEqual(none);
  const named = `${disk}a,bootindex=2147483647,bus=virtio-mmio-bus.3 ${disk}b,bootindex=7,bus=virtio-mmio-bus.0`;
  const low = '/virtio-mmio@000000000a000000/disk@0,0\n/virtio-mmio@000000000a000600/disk@0,0\0';
  expect(told(named)).toEqual({ ...none, bootorder: low });
  expect(told('-boot menu=on,splash-time=500,reboot-timeout=1000')).toEqual({
    ...{ 14: '\x01\0', bootorder: '' },
    ...{ 'etc/boot-fail-wait': '\xe8\x03\0\0', 'etc/boot-menu-wait': '\xf4\x01' },
  });
});

test('clocks', () => {
  expect(configure('').rtc).toEqual({ start: null, follows: 'host' });
  expect(configure('-rtc base=1970-01-02,clock=vm').rtc).toEqual({ start: 86400, follows: 'guest' });
  const { start } = configure('-rtc base=localtime').rtc!;
  const zone = -60 * new Date().getTimezoneOffset();
  expect(Math.abs(start! - zone - Date.now() / 1000)).toBeLessThan(60);
});

test('loaders, cores that start elsewhere, fw_cfg, flash that is written', () => {
  writeFileSync(join(folder, 'raw'), 'abc');
  const config = configure(
    `-smp 2 -device loader,file=${folder}/raw,addr=0x44000000,cpu-num=1 -device loader,addr=0x40080000,cpu-num=0 ` +
      `-device loader,addr=0x44001000,data=0x0102,data-len=2 -fw_cfg name=opt/a,string=b,,c`,
  );
  expect(config.entries).toEqual([
    { core: 1, entry: 0x44000000n },
    { core: 0, entry: 0x40080000n },
  ]);
  const at = (address: number) => config.images.find((i) => i.address === address)?.bytes;
  expect(Buffer.from(at(0x44000000)!).toString()).toBe('abc');
  expect([...at(0x44001000)!]).toEqual([2, 1]);
  const item = config.fwCfg!.find((i) => i.file === 'opt/a');
  expect(Buffer.from(item!.bytes).toString()).toBe('b,c');
  expect(() => configure(`-fw_cfg name=opt/a,file=${folder}/none`)).toThrow(/none: no such file/);
  expect(() => configure('-fw_cfg name=opt/a,string=b -fw_cfg name=opt/a,string=c')).toThrow(/opt\/a/);
});

test('realm management, encryption contexts, legacy transports, ports of consoles', () => {
  const rme = configure(
    '-M secure=on,virtualization=on,mec=on -cpu max,x-rme=on,x-l0gptsz=36 --mecid-width 4 --mec-model deadbeef',
  );
  expect(rme).toMatchObject({
    features: { 'x-rme': true },
    rme: { l0gptsz: 36 },
    mec: { enabled: true, width: 4, model: 'deadbeef' },
  });
  expect(configure('').mec).toEqual({ enabled: false });
  const legacy = configure(
    '-global virtio-mmio.force-legacy=on -device virtio-serial-device -device virtconsole,name=n -device virtconsole',
  );
  expect(legacy.virtioLegacy).toBe(true);
  expect(legacy.virtio).toEqual([{ type: 'console', ports: [{ name: 'n' }, { name: null }] }]);
});
