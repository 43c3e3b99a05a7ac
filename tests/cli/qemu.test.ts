import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { qemuArguments, shellLine, triremeArguments } from '../../core/cli/qemu/format.ts';
import { optionOf } from '../../core/cli/qemu/options.ts';
import { parseQemu } from '../../core/cli/qemu/parse.ts';
import type { Launch } from '../../core/machines/launch.ts';
import { readLaunch } from '../../core/machines/launch-check.ts';
import { consolesOf } from '../../core/machines/launch-consoles.ts';
import { COVER_LETTER } from '../support/cover-letter.ts';

/** Words of a line as a shell has them; quotes and blanks are all that is used here. */
function words(line: string): string[] {
  const found = [...line.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)];
  return found.map(([word]) => word.replace(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double));
}
const parse = (line: string) => parseQemu(words(line));
const launch = (line: string): Launch => parse(`-M virt -kernel K ${line}`).launch;
const VIRT = launch('').machine;
const refusal = (line: string): string => {
  try {
    parse(line);
  } catch (error) {
    expect((error as Error).name, String(error)).toBe('UserError');
    expect((error as Error).message).not.toContain('\n');
    return (error as Error).message;
  }
  return 'accepted';
};

describe('command lines that people have', () => {
  test('that of the FEAT_MEC series', () => {
    const { launch: made, host } = parse(COVER_LETTER);
    expect(made).toMatchObject({
      machine: { type: 'virt', secure: true, virtualization: true },
      cpu: { model: 'max', features: {} },
      ...{ cores: 2, memoryBytes: 2 ** 31, bios: './out/flash.bin', kernel: './out/Image', initrd: null },
      append: 'nokaslr root=/dev/vda rw init=/init -- /bin/bash',
      rme: { enabled: true },
      mec: { enabled: true, mecidWidth: 16, model: 'exact' },
      virtio: [
        { device: '9p', tag: 'host', folder: './', readOnly: false },
        { device: 'block', file: './out/host.ext4', access: 'overlay' },
      ],
      serials: [{ to: 'terminal' }],
    });
    expect(host).toMatchObject({ startPaused: false, steps: [] });
  });
  const folder = join(import.meta.dirname, '..', '..', '..', 'shared', 'seeds');
  const seeds = existsSync(folder) ? readdirSync(folder) : [];
  test.skipIf(seeds.length === 0)('and it is what the letter says; the other seeds have none', () => {
    const texts = seeds.map((name) => readFileSync(join(folder, name), 'utf8').replace(/\\?\s+/g, ' '));
    expect(texts.filter((text) => text.includes(COVER_LETTER))).toHaveLength(1);
    for (const text of texts)
      expect(text.replace(COVER_LETTER, '')).not.toMatch(
        /qemu-system-\w+ +-|(?<!-)-(M|machine|cpu|bios|kernel|append|drive) /,
      );
  });
  test('firmware with flash banks, EDK2 style', () => {
    const { launch: made } = parse(
      'qemu-system-aarch64 -M virt,virtualization=on,secure=on,gic-version=3,acpi=off -cpu max,x-rme=on,sve=off,sme=off,pauth-impdef=on -m 1024 ' +
        '-drive if=pflash,format=raw,file=code.fd,readonly=on -drive if=pflash,unit=1,format=raw,file=vars.fd,snapshot=off ' +
        '-device virtio-rng-device -object rng-random,id=r,filename=/dev/urandom -nographic -nic none -monitor none ' +
        '-serial mon:stdio -serial tcp::5001,server,nowait -semihosting-config enable=on,target=native,arg=one,arg=two -d guest_errors -D log ' +
        '-name x -accel tcg,thread=multi -rtc base=utc,clock=host -global virtio-mmio.force-legacy=false',
    );
    expect(made).toMatchObject({
      cpu: { model: 'max', features: { 'pauth-impdef': true } },
      memoryBytes: 2 ** 30,
      pflash: [
        { file: 'code.fd', access: 'read-only' },
        { file: 'vars.fd', access: 'write' },
      ],
      virtio: [{ device: 'rng' }],
      serials: [
        { to: 'terminal' },
        { to: 'tcp', host: '127.0.0.1', port: 5001, server: true, wait: false, telnet: false },
      ],
      semihosting: { files: 'none', arguments: ['one', 'two'] },
    });
  });
  test('loaders, disks by name, shares, consoles of virtio', () => {
    const made = launch(
      '-device loader,file=Image,addr=0x60000000,force-raw=on -device loader,addr=0x1000,data=0x1122,data-len=4 -device loader,addr=64,cpu-num=0 ' +
        '-blockdev driver=file,node-name=f,filename=a.img,read-only=on -blockdev driver=raw,node-name=d,file=f -device virtio-blk-device,drive=d,serial=abc ' +
        '-drive if=none,id=e,file=b,,c.img,format=raw -device virtio-blk-device,drive=e ' +
        '-fsdev local,id=s,path=/tmp,security_model=mapped-xattr,readonly=on -device virtio-9p-device,fsdev=s,mount_tag=t ' +
        '-chardev pty,id=p -device virtio-serial-device -device virtconsole,chardev=p,name=org.x',
    );
    expect(made.loaders).toEqual([
      { kind: 'file', file: 'Image', address: 0x60000000, raw: true, core: null },
      { kind: 'data', address: 0x1000, bytes: [0x22, 0x11, 0, 0] },
      { kind: 'entry', address: 64, core: 0 },
    ]);
    expect(made.virtio).toEqual([
      { device: 'block', file: 'a.img', access: 'read-only', serial: 'abc', bootIndex: null },
      { device: 'block', file: 'b,c.img', access: 'overlay', serial: null, bootIndex: null },
      { device: '9p', folder: '/tmp', readOnly: true, tag: 't' },
      { device: 'console', ports: [{ name: 'org.x', target: { to: 'pty', link: null } }] },
    ]);
  });
});

describe('options', () => {
  test('machines merge, later words win, and what is only defined later is found', () => {
    const made = parse(
      '-M virt,secure=on -M secure=off,virtualization=on -kernel K -serial chardev:c -chardev null,id=c',
    ).launch;
    expect(made).toMatchObject({ machine: { secure: false, virtualization: true }, serials: [{ to: 'null' }] });
  });
  test.each<[string, Partial<Launch>]>([
    ['-smp 4', { cores: 4 }],
    ['-smp cpus=3,sockets=1,cores=3,threads=1,maxcpus=3', { cores: 3 }],
    ['-smp cores=2', { cores: 2, topology: null }],
    ['-smp 4,sockets=2', { cores: 4, topology: { sockets: 2, clusters: 1, cores: 2, threads: 1 } }],
    ['-smp 4,cores=2', { cores: 4, topology: { sockets: 2, clusters: 1, cores: 2, threads: 1 } }],
    ['-smp 8,clusters=2,threads=2', { cores: 8, topology: { sockets: 1, clusters: 2, cores: 2, threads: 2 } }],
    ['-smp sockets=2,cores=2,threads=2', { cores: 8, topology: { sockets: 2, clusters: 1, cores: 2, threads: 2 } }],
    ['-rtc base=2026-01-02T03:04:05,clock=vm', { rtc: { base: '2026-01-02T03:04:05', follows: 'guest' } }],
    ['-rtc localtime', { rtc: { base: 'localtime', follows: 'host' } }],
    ['-m size=1G,slots=0,maxmem=1G', { memoryBytes: 2 ** 30 }],
    ['-m 512', { memoryBytes: 2 ** 29 }],
    ['-M memory-backend=m -object memory-backend-ram,id=m,size=1G', { memoryBytes: 2 ** 30 }],
    ['-m 1G -M memory-backend=m -object memory-backend-memfd,id=m,size=1024M,share=on', { memoryBytes: 2 ** 30 }],
    [
      '-drive driver=raw,file.driver=file,file.filename=x,read-only=on -drive driver=file,filename=y,readonly=on',
      {
        virtio: [
          { device: 'block', file: 'x', access: 'read-only', serial: null, bootIndex: null },
          { device: 'block', file: 'y', access: 'read-only', serial: null, bootIndex: null },
        ],
      },
    ],
    ['', { memoryBytes: 2 ** 27, cores: 1, serials: [{ to: 'terminal' }] }],
    ['-nodefaults', { serials: [] }],
    ['-serial none -serial file:log', { serials: [null, { to: 'file', path: 'log', append: false }] }],
    [
      '-serial telnet:localhost:4000,server',
      { serials: [{ to: 'tcp', host: 'localhost', port: 4000, server: true, wait: true, telnet: true }] },
    ],
    [
      '-serial tcp:5000',
      { serials: [{ to: 'tcp', host: '127.0.0.1', port: 5000, server: true, wait: false, telnet: false }] },
    ],
    [
      '-serial unix:/tmp/s,server=on,wait=off',
      { serials: [{ to: 'unix', path: '/tmp/s', server: true, wait: false }] },
    ],
    [
      '-hda x -cdrom y',
      {
        virtio: [
          { device: 'block', file: 'x', access: 'overlay', serial: null, bootIndex: null },
          { device: 'block', file: 'y', access: 'read-only', serial: null, bootIndex: null },
        ],
      },
    ],
    [
      '-drive file=x,snapshot=off -snapshot',
      { virtio: [{ device: 'block', file: 'x', access: 'overlay', serial: null, bootIndex: null }] },
    ],
    ['-icount shift=auto,sleep=off -seed 7', { deterministic: true, seed: 7 }],
    ['-global driver=virtio-mmio,property=force-legacy,value=on', { machine: { ...VIRT, legacyVirtio: true } }],
    ['-no-reboot', { onReset: 'exit' }],
    ['-action reboot=shutdown', { onReset: 'exit' }],
    ['-fw_cfg name=opt/x,string=y', { fwCfg: [{ name: 'opt/x', content: { from: 'text', text: 'y' } }] }],
    [
      '-boot order=dcn,menu=on -boot strict=on,splash-time=500,reboot-timeout=1000',
      { boot: { menu: true, strict: true, menuWait: 500, retryAfter: 1000 } },
    ],
    [
      '-boot c -boot reboot-timeout=9 -boot reboot-timeout=-1',
      { boot: { menu: false, strict: false, menuWait: null, retryAfter: null } },
    ],
    [
      `-blockdev '{"driver":"file","node-name":"n","filename":"x","read-only":true}' -device '{"driver":"virtio-blk-device","drive":"n","bootindex":3}' -object '{"qom-type":"rng-random","id":"r"}'`,
      { virtio: [{ device: 'block', file: 'x', access: 'read-only', serial: null, bootIndex: 3 }] },
    ],
    ['-cpu cortex-a72,pmu=off', { cpu: { model: 'cortex-a72', features: { pmu: false } } }],
    [
      '-M secure=on,virtualization=on --rme on --enable-mec --mecid-width 4 --mec-model deadbeef',
      { rme: { enabled: true, l0gptsz: 30 }, mec: { enabled: true, mecidWidth: 4, model: 'deadbeef' } },
    ],
    ['-cpu max,x-rme=on --rme off', { rme: { enabled: false, l0gptsz: 30 } }],
    [
      '-M uarts=4 --engine compiled --console uart0=pty',
      { engine: 'compiled', exposed: [{ console: 'uart0', target: { to: 'pty', link: null } }] },
    ],
    ['-enable-kvm -daemonize -display gtk -vga none -audio none -parallel none -net none', {}],
  ])('%s', (line, wanted) => expect(launch(line)).toMatchObject(wanted));
  test('of this run', () => {
    const { host } = parse(
      "-M virt,dumpdtb=t.dtb -S -s -pidfile p -no-shutdown --expect 'rmm:a' --send b --timeout 3 --trace smc",
    );
    expect(host).toMatchObject({
      ...{ startPaused: true, stay: true, pidFile: 'p', dumpDtb: 't.dtb', timeout: 3 },
      gdb: { host: '127.0.0.1', port: 1234 },
      steps: [
        { kind: 'expect', text: 'rmm:a' },
        { kind: 'send', text: 'b' },
      ],
      trace: { choices: ['smc'], file: null },
    });
    expect(parse('-M virt -kernel K -gdb tcp::99').host.gdb).toEqual({ host: '127.0.0.1', port: 99 });
  });
});

/** Those that QEMU 11.1's own help lists. */
const ALL_OPTIONS =
  'D L M S accel action add-fd append audio audiodev bios blockdev boot cdrom chardev compat cpu d daemonize ' +
  'debugcon device dfilter display drive dtb dump-vmstate echr enable-kvm enable-sync-profile fda fsdev ' +
  'full-screen fw_cfg gdb global h hda hdc help icount incoming initrd iscsi jitdump k kernel loadvm m machine ' +
  'mem-path mem-prealloc mon monitor msg mtdblock name net netdev nic no-reboot no-shutdown no-user-config ' +
  'nodefaults nographic numa object only-migratable option-rom overcommit parallel perfmap pflash pidfile plugin ' +
  'qmp qmp-pretty readconfig rtc run-with s sandbox sd seed semihosting semihosting-config serial set shim smbios ' +
  'smp snapshot spice tpmdev trace usb usbdevice uuid version vga virtfs vnc watchdog-action xen-attach xen-domid ' +
  'xen-domid-restrict';
test("none of QEMU's options is unknown", () => {
  const unknown = ALL_OPTIONS.split(' ').filter((name) => optionOf(`-${name}`) === null);
  // These two are collected, for they merge.
  expect(unknown).toEqual(['M', 'machine']);
});

describe('what is refused, in one line', () => {
  test.each<[string, RegExp]>([
    ['-kernel K', /no machine is named/],
    ['-M virt', /nothing to boot/],
    ['-M raspi4b -kernel K', /there is only virt/],
    ['-M virt-7.2 -kernel K', /there is only virt/],
    ['-M virt,gic-version=2 -kernel K', /there is only a GICv3/],
    ['-M virt,secure=maybe -kernel K', /on or off/],
    ['-M virt,acpi=on -kernel K', /acpi=off/],
    ['-M virt,iommu=smmuv3 -kernel K', /no SMMU/],
    ['-M virt,mte=on -kernel K', /FEAT_MTE/],
    ['-M virt,nonsense=1 -kernel K', /no property nonsense/],
    ['-M virt -cpu cortex-m3 -kernel K', /no CPU is called cortex-m3/],
    ['-M virt -cpu max,sve=on -kernel K', /no SVE/],
    ['-M virt -cpu max,aarch64=off -kernel K', /cannot be switched off/],
    ['-M virt -cpu max,foo=on -kernel K', /no property foo/],
    ['-M virt -cpu max,AFP=on -kernel K', /no property AFP/],
    ['-M virt -cpu max,x-rme=on -kernel K', /RME needs EL3 and EL2/],
    ['-M virt,secure=on,virtualization=on --enable-mec -kernel K', /MEC needs RME/],
    ['-M virt -smp 33 -kernel K', /at most 32/],
    ['-M virt -smp 4,sockets=3 -kernel K', /sockets=3, clusters=1, cores=1, threads=1 do not make 4 cores/],
    ['-M virt -smp 4,dies=2 -kernel K', /sockets, clusters, cores and threads/],
    ['-M virt -smp 2,maxcpus=4 -kernel K', /cannot be added later/],
    ['-M virt -m lots -kernel K', /a size like/],
    ['-M virt -m 1G,slots=2,maxmem=4G -kernel K', /cannot be added later/],
    ['-M virt -initrd I', /needs a kernel/],
    ['-M virt -append a -device loader,addr=0,cpu-num=0', /needs a kernel/],
    ['-M virt -bios B -pflash P', /two images/],
    ['-M virt -kernel K -drive file=x,format=qcow2', /only raw/],
    ['-M virt -kernel K -drive file=x,if=ide', /if=ide/],
    ['-M virt -kernel K -drive format=raw', /file= is missing/],
    ['-M virt -kernel K -drive file=x,if=none,id=a -device virtio-blk-device,drive=a,logical_block_size=4096', /512/],
    ['-M virt -kernel K -drive file=x,if=none,id=a -drive file=y,id=a', /two with id=a/],
    ['-M virt -kernel K -drive file=x,wibble=1', /no property wibble/],
    ['-M virt -kernel K -drive file=x,snapshot=off -drive file=x', /used twice/],
    ['-M virt -kernel K -device virtio-blk-device,drive=no', /no -drive with id=no/],
    ['-M virt -kernel K -device virtio-blk-pci,drive=no', /PCI devices follow: virtio-blk-device/],
    ['-M virt -kernel K -device virtio-net-device', /networks follow/],
    ['-M virt -kernel K -device virtio-net-pci', /networks follow/],
    ['-M virt -kernel K -device constructor', /no such device/],
    ['-M virt -kernel K -device virtio-rng-device,bus=virtio-mmio-bus.32', /virtio-mmio-bus\.0 to virtio-mmio-bus\.31/],
    ['-M virt -kernel K -device virtio-rng-device,bus=pcie.0', /bus=pcie\.0/],
    ['-M virt -kernel K -device e1000', /no such device/],
    ['-M virt -kernel K -device virtconsole', /virtio-serial-device/],
    ['-M virt -kernel K -device virtio-serial-device,id=a -device virtconsole,bus=b.0', /no such bus/],
    ['-M virt -kernel K -device loader,file=x,force-raw=on', /needs addr=/],
    ['-M virt -kernel K -device loader,addr=0,data=0x1ffff,data-len=2', /more than 2 bytes/],
    ['-M virt -kernel K -device loader,addr=0,cpu-num=3', /core 3, but there are 1/],
    ['-M virt -kernel K -virtfs local,path=.,mount_tag=a,security_model=passthrough', /only mapped/],
    ['-M virt -kernel K -virtfs local,path=.,security_model=mapped', /mount_tag= is missing/],
    ['-M virt -kernel K -nic user', /networks follow/],
    ['-M virt -kernel K -netdev user,id=n', /networks follow/],
    ['-M virt -kernel K -vga std', /no display/],
    ['-M virt -kernel K -serial udp:1', /there are stdio/],
    ['-M virt -kernel K -serial tcp:host:99999', /no port/],
    ['-M virt -kernel K -serial chardev:x', /no -chardev with id=x/],
    ['-M virt -kernel K -chardev spicevmc,id=a', /no backend spicevmc/],
    ['-M virt -kernel K -mon chardev=a,mode=control', /QMP/],
    ['-M virt -kernel K -qmp unix:x', /QMP/],
    ['-M virt -kernel K -global virtio-mmio.ioeventfd=off', /cannot be changed here/],
    ['-M virt -kernel K -rtc base=tomorrow', /utc, localtime or a date/],
    ['-M virt -kernel K -rtc clock=sun', /host, rt or vm/],
    ['-M virt -kernel K -icount shift=7', /1 ns an instruction/],
    ['-M virt -kernel K -numa node', /one node/],
    ['-M virt -kernel K -uuid x', /UUID/],
    ['-M virt -kernel K -boot order=z', /order=z: letters from a to p/],
    ['-M virt -kernel K -boot cc', /each once/],
    ['-M virt -kernel K -boot once=d', /once=.*bootindex=/],
    ['-M virt -kernel K -boot splash=x', /no display/],
    ['-M virt -kernel K -boot splash-time=70000', /0 to 65535/],
    ['-M virt -kernel K -boot reboot-timeout=-2', /-1 to 65535/],
    ['-M virt -kernel K -boot foo=1', /no property foo/],
    ['-M virt -kernel K -device virtio-rng-device,bootindex=1', /no property bootindex/],
    [
      '-M virt -kernel K -drive file=x,if=none,id=a -device virtio-blk-device,drive=a,bootindex=2147483648',
      /bootindex=/,
    ],
    [
      '-M virt -kernel K -drive file=x,if=none,id=a -drive file=y,if=none,id=b -device virtio-blk-device,drive=a,bootindex=1 -device virtio-blk-device,drive=b,bootindex=1',
      /two disks have the boot index 1/,
    ],
    [
      '-M virt -kernel K -drive file=x,if=none,id=a -device virtio-blk-device,drive=a -device virtio-blk-device,drive=a',
      /the drive a has a device already/,
    ],
    ['-M virt -kernel K -drive file=x,if=none,id=a -device virtio-blk-device,drive=a,num-queues=4', /num-queues= is 1/],
    [
      '-M virt -kernel K -drive file=x,if=none,id=a -device virtio-blk-device,drive=a,queue-size=8',
      /queue-size= is 256/,
    ],
    ['-M virt -kernel K -device virtio-rng-device,addr=3', /no property addr/],
    ['-M virt -kernel K -drive driver=qcow2,file.filename=x', /qcow2: only raw/],
    ['-M virt -kernel K -blockdev node-name=n,filename=x', /driver= is missing/],
    [`-M virt -kernel K -blockdev '{"driver":"raw","file":{"driver":"qcow2","file":"x"}}'`, /qcow2: only raw/],
    ['-M virt,memory-backend=m -kernel K', /no -object memory-backend-… with id=m/],
    ['-M virt,memory-backend=m -kernel K -m 1G -object memory-backend-ram,id=m,size=2G', /differ/],
    ['-M virt -kernel K -action reboot=never', /reset, shutdown/],
    ['-M virt -kernel K -global virtio-mmio.force-legacy=perhaps', /on or off/],
    ['-M virt -kernel K -global virtio-device.iommu_platform=on', /no SMMU/],
    ["-M virt -kernel K -device '{driver}'", /must be JSON/],
    ["-M virt -kernel K -object '{}'", /qom-type= is missing/],
    ['-M virt -kernel K --mecid-width 17', /--mecid-width 17: .*from 1 to 16/],
    ['-M virt -kernel K --mec-model best', /exact, deadbeef, off/],
    ['-M virt -kernel K -kernal X', /no option -kernal \(-kernel\?\)/],
    ['-M virt -kernel', /-kernel: its argument is missing/],
    ['-M virt disk.img', /what is 'disk.img'/],
  ])('%s', (line, message) => expect(refusal(line)).toMatch(message));
});

test('images of other formats are refused where nobody says that they are raw', () => {
  const folder = mkdtempSync(join(tmpdir(), 'trireme-formats-'));
  const image = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const vdi = new Uint8Array(512);
  vdi.set([0x7f, 0x10, 0xda, 0xbe], 64);
  const images: [string, string][] = [
    ['qcow2', image('a', Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'))],
    ['VMDK', image('b', Buffer.from('KDMV\x01\0'))],
    ['VHDX', image('c', Buffer.from('vhdxfile'))],
    ['VDI', image('d', vdi)],
  ];
  for (const [format, file] of images) {
    for (const option of ['-hda', '-pflash', '-cdrom'])
      expect(refusal(`-M virt -kernel K ${option} ${file}`)).toMatch(`${file} is a ${format} image: only raw`);
    expect(refusal(`-M virt -kernel K -drive file=${file},if=virtio`)).toMatch(`is a ${format} image`);
    expect(launch(`-drive file=${file},format=raw`).virtio).toHaveLength(1);
  }
  expect(launch(`-hda ${image('e', new Uint8Array(512))}`).virtio).toHaveLength(1);
  rmSync(folder, { recursive: true });
});
test('a monitor on the terminal is told of where no console is', () => {
  const here = [{ to: 'terminal' }];
  expect(launch('-monitor stdio').monitors).toEqual([]);
  expect(launch('-serial null -monitor stdio').monitors).toEqual(here);
  expect(launch('-serial none -chardev stdio,id=m -mon m').monitors).toEqual(here);
  expect(
    launch('-serial none -chardev stdio,id=m,mux=on -mon m -device virtio-serial-device -device virtconsole,chardev=m')
      .monitors,
  ).toEqual([]);
});

describe('and back', () => {
  const LINES = [
    COVER_LETTER,
    '-M virt -kernel K',
    '-M virt -nodefaults -bios B',
    '-M virt -kernel K -smp 4,sockets=2 -rtc base=2026-01-02,clock=vm -global virtio-mmio.force-legacy=true -device virtio-serial-device -device virtio-serial-device,id=v -device virtconsole,bus=v.0',
    '-M virt,uarts=3,dtb-randomness=off -cpu max,pauth-impdef=on,lpa2=off -smp 3 -m 1537M -kernel "a b,c" -append "it is x" -dtb d -initrd i -uuid 01234567-89ab-cdef-0123-456789abcdef -no-reboot -seed 4 --deterministic',
    '-M virt,secure=on,virtualization=on -cpu max,x-rme=on,x-l0gptsz=36 --enable-mec --mecid-width 3 --mec-model off -bios B --console rmm=tcp:5001 --console uart0=file:a,,b',
    '-M virt -kernel K -serial stdio -serial mon:stdio -device virtio-serial-device -chardev stdio,id=x,mux=on -device virtconsole,chardev=x -chardev file,id=y,path=f -device virtconsole,chardev=y,name=n -monitor telnet::5,server=on,wait=off',
    '-M virt -kernel K -serial file:f -monitor stdio',
    '-M virt -bios B -boot menu=on,strict=on,splash-time=1,reboot-timeout=2 -drive file=a,id=a,if=none -device virtio-blk-device,drive=a,bootindex=7',
    '-M virt -kernel K -drive file=a,readonly=on -drive file=b,snapshot=off,serial=s -virtfs local,path=p,mount_tag=m,security_model=mapped -device virtio-rng-device,bus=virtio-mmio-bus.3 -pflash q',
    '-M virt -device loader,file=a,addr=16,force-raw=on,cpu-num=0 -device loader,addr=0x40000000,data=0x123456789abcdef0,data-len=8,data-be=on -fw_cfg name=opt/a,file=b -semihosting-config enable=on,arg=a,arg=b --semihosting-files all',
  ];
  test.each(LINES)('%s', (line) => {
    const { launch: made } = parse(line);
    const again = words(shellLine(triremeArguments(made)));
    expect(again[0]).toBe('qemu');
    expect(parseQemu(again.slice(1)).launch).toEqual(made);
    // The line for QEMU itself says the same, but for what only we have.
    const { mec, engine, exposed, semihosting, machine } = made;
    const own = { mec, engine, exposed, semihosting, machine: { ...machine } };
    expect({ ...parseQemu(qemuArguments(made)).launch, ...own }).toEqual(made);
  });
  test('a launch is plain data, and what is left out has a default', () => {
    for (const line of LINES) {
      const { launch: made } = parse(line);
      expect(readLaunch(JSON.parse(JSON.stringify(made)))).toEqual(made);
    }
    expect(readLaunch({ machine: { type: 'virt' }, cpu: {}, kernel: 'K' })).toEqual(parse('-M virt -kernel K').launch);
  });
  test.each([
    [{}, /machine: /],
    [{ machine: { type: 'virt' }, cpu: {}, cores: 0 }, /^cores: at least 1$/],
    [{ machine: { type: 'virt' }, cpu: {}, memoryBytes: 2 ** 27 + 1 }, /^memoryBytes: a multiple of 4096/],
    [{ machine: { type: 'virt' }, cpu: { model: 'z80' } }, /no CPU is called z80/],
    [{ machine: { type: 'virt' }, cpu: { features: { nope: true } } }, /no CPU feature is called nope/],
    [{ machine: { type: 'virt' }, cpu: {}, serials: [{ to: 'moon' }] }, /serials\.0\.to/],
    [{ machine: { type: 'virt' }, cpu: {}, kernal: 'K' }, /kernal/],
    [{ machine: { type: 'virt' }, cpu: {}, mec: { enabled: true } }, /MEC needs RME/],
    [null, /./],
  ])('a wrong launch: %j', (data, message) => {
    expect(() => readLaunch(data)).toThrow(message);
    try {
      readLaunch(data);
    } catch (error) {
      expect((error as Error).name).toBe('UserError');
    }
  });
});

test('consoles of a launch', () => {
  const rme = parse(COVER_LETTER).launch;
  expect(consolesOf(rme)).toEqual([
    { name: 'uart0', target: { to: 'terminal' } },
    { name: 'uart1', target: null },
  ]);
  const plain = launch(
    '-serial null -serial none -device virtio-serial-device,id=a -device virtio-serial-device,id=b ' +
      '-device virtconsole,bus=a.0 -device virtconsole,bus=b.0 -chardev null,id=n -device virtconsole,bus=b.0,chardev=n',
  );
  expect(consolesOf(plain)).toEqual([
    { name: 'uart0', target: { to: 'null' } },
    { name: 'uart1', target: null },
    // Linux meets the device of the last option first.
    { name: 'hvc2', target: { to: 'null' } },
    { name: 'hvc0', target: { to: 'null' } },
    { name: 'hvc1', target: { to: 'null' } },
  ]);
  const separate = { ...rme, machine: { ...rme.machine, uarts: 4 }, serials: [{ to: 'terminal' } as const, null] };
  expect(consolesOf({ ...separate, serialWorlds: ['normal', null, 'realm', 'root'] })).toEqual([
    { name: 'host', target: { to: 'terminal' }, world: 'normal' },
    { name: 'uart1', target: null },
    { name: 'rmm', target: { to: 'terminal' }, world: 'realm' },
    { name: 'monitor', target: { to: 'terminal' }, world: 'root' },
  ]);
});
