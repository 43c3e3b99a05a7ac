/** The bundled host's shell and files: editing, variables, views, raw calls, virtio disks, 9p shares, a reset. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { command, PROMPT, TIMEOUT, worlds } from './worlds.ts';

const MAKES_FILE_SYSTEMS = spawnSync('mke2fs', ['-V']).status === 0;
const content = randomBytes(300_001);
const sum = createHash('sha256').update(content).digest('hex');
let folder = '';

const braced = (name: string): string => `\${${name}}`;

/** A disk with an MBR, whose second partition, from 1 MiB on, is an ext4 file system with the tree's content. */
function makeDisk(tree: string, disk: string): void {
  const part = join(folder, 'part');
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', tree, part, '4M']);
  const mbr = Buffer.alloc(512);
  const entry = 446 + 16;
  mbr[entry + 4] = 0x83;
  mbr.writeUInt32LE(2048, entry + 8);
  mbr.writeUInt32LE(8192, entry + 12);
  mbr.writeUInt16LE(0xaa55, 510);
  const file = openSync(disk, 'w');
  writeSync(file, mbr, 0, 512, 0);
  const bytes = readFileSync(part);
  writeSync(file, bytes, 0, bytes.length, 2048 * 512);
  closeSync(file);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shell-'));
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'sub'), { recursive: true });
  writeFileSync(join(tree, 'sub', 'content'), content);
  symlinkSync('sub/content', join(tree, 'link'));
  writeFileSync(
    join(tree, 'script'),
    '#!/bin/sh\n# says hello\nGREETED=world\necho hello ' + `${braced('GREETED')} ${braced('NOBODY:-nobody')}\n`,
    { mode: 0o755 },
  );
  if (MAKES_FILE_SYSTEMS) makeDisk(tree, join(folder, 'disk'));
  else writeFileSync(join(folder, 'disk'), Buffer.alloc(1 << 20));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('shell, views, disks and shares', { timeout: TIMEOUT }, async () => {
  const disk = ['mount /dev/vda2 /mnt; ls -l /mnt; sha256sum /mnt/sub/content /mnt/link; /mnt/script'];
  const { host } = await worlds(
    ['--share', join(folder, 'tree'), '-d', join(folder, 'disk')],
    [
      command('una\\t-a'),
      command('\\x1b[A'),
      command(`echo "one  two" three${'\\x1b[D'.repeat(5)}\\x7f-`),
      command(`A=first; export B=second; echo $A ${braced('B')} ${braced('C:-none')} $?; nonsense; echo $?`),
      command('cat /proc/iomem; cat /proc/version; rmi VERSION 0x10000; rmi GRANULE_DELEGATE 0x1'),
      command('mount -t 9p -o trans=virtio share0 /host; sha256sum /host/sub/content /host/link; /host/script'),
      ...(MAKES_FILE_SYSTEMS ? disk.map(command) : []),
      command('mount; exit'),
      ['host:login: $', 'nobody\\n'],
      ['host:login: $', 'root\\n'],
      [PROMPT, 'reboot\\n'],
      ['host:login: $', 'root\\n'],
    ],
  );
  expect(host.match(/^Trireme trireme .* EL2 SMP aarch64$/gm)).toHaveLength(2);
  expect(host).toContain('\none  two-three\n');
  expect(host).toContain('\nfirst second none 0\nnonsense: not found\n127\n');
  expect(host).toMatch(/^40000000-7fffffff : System RAM\n40200000-[0-9a-f]+ : {3}reserved \(Realm: RMM\)$/m);
  expect(host).toMatch(/^RMI_SUCCESS {2}x1 10000 {2}x2 10001 /m);
  expect(host).toMatch(/^RMI_ERROR_INPUT {2}/m);
  for (const at of MAKES_FILE_SYSTEMS ? ['host', 'mnt'] : ['host']) {
    expect(host).toContain(`${sum}  /${at}/sub/content\n${sum}  /${at}/link\nhello world nobody\n`);
  }
  expect(host).toMatch(/^share0 on \/host type 9p \(ro\)$/m);
  expect(host).toContain('Login incorrect');
  expect(host.match(/^\[ *[\d.]+\] Trireme host /gm)).toHaveLength(2);
});

/** A command of the shell, and what it must show, between its line and the next prompt. */
const COMMANDS: readonly (readonly [line: string, shows: RegExp])[] = [
  ['help', /^ {2}attack .*\n(.*\n)* {2}umount .*\n {2}uname .*\n$/],
  ['attack', /^usage: attack read\|write NAME\|ADDRESS/],
  ['cat /etc/issue /proc/version', /\nTrireme host version 1\.0 \(EL2, GCC .*\)\n$/],
  ['cat /proc/meminfo', /^MemTotal: +\d+ kB\nMemFree: +\d+ kB\nRealmMemory: +0 kB\n$/],
  ['cat /proc/cpuinfo', /^processor\t: 0\nmpidr\t\t: 0x0000000000\n[\s\S]*\nprocessor\t: 1\n/],
  ['cat /proc/interrupts', /^core +interrupts\n +0 +\d+\n +1 +\d+\n$/],
  ['cat /proc/uptime', /^\d+\.\d\d\n$/],
  ['cat /proc', /^cat: \/proc: Is not a file\n$/],
  ['cd /proc', /^$/],
  ['pwd', /^\/proc\n$/],
  ['cd /nowhere', /^cd: \/nowhere: No such file or directory\n$/],
  ['cd', /^$/],
  ['clear', /\[H.\[2J$/],
  ['dmesg', /^\[ *\d+\.\d+\] Trireme host [\s\S]* Run \/sbin\/login\n$/],
  ['echo a  b', /^a b\n$/],
  ['export NAME=value', /^$/],
  ['export', /^export NAME='value'\n$/],
  ['free', /^ +total +used +free +in realms\nMem: +\d+ +\d+ +\d+ +0\n$/],
  ['lkvm list', /^ +PID +NAME +STATE +CPUS +MEMORY +KIND\n$/],
  ['ls /', /^(\S+ +)+\S+\s*\n/],
  ['ls -la /proc', /^-r-- +0 cmdline\n(-r-- .*\n)+-r-- +0 version\n$/],
  ['mount', /^rootfs on \/ type builtin \(ro\)\nproc on \/proc type proc \(ro\)\n$/],
  ['mount /dev/vda2 /mnt', /^$/],
  ['mount /dev/vda2 /mnt', /^mount: \/mnt: already mounted there\.\n$/],
  ['mount /dev/nothing /host', /^mount: \/dev\/nothing: special device does not exist\.\n$/],
  ['umount /mnt', /^$/],
  ['umount /mnt', /^umount: \/mnt: .*\n$/],
  ['ps', /^ +id +state +core +task\n[\s\S]* running +\d +login\n/],
  ['rmi FEATURES 0', /^RMI_SUCCESS {2}x1 [0-9a-f]+ {2}x2 0 {2}x3 0 {2}x4 0\n$/],
  ['rmi RMI_REALM_DESTROY 0', /^RMI_ERROR_INPUT/],
  ['rmi 0xc4000150 0x10001', /^RMI_SUCCESS {2}x1 10001 {2}x2 10001/],
  ['rmi 0xc400018f', /^not supported\n$/],
  ['rmi 0x84000008', /^rmi: 0x84000008 is not a call of the Realm Management Interface\n$/],
  ['rmi', /^usage: rmi NAME\|FID /],
  ['screen -ls', /^No Sockets found in /],
  ['screen -r nothing', /^There is no screen to be resumed matching nothing\.\n$/],
  ['sha256sum /etc/issue', /^[0-9a-f]{64} {2}\/etc\/issue\n$/],
  ['sleep 0', /^$/],
  ['true', /^$/],
  ['nonsense || true && echo $?', /^nonsense: not found\n0\n$/],
  ['uname', /^Trireme\n$/],
  ['uname -a', /^Trireme trireme 1\.0 EL2 SMP aarch64\n$/],
];
/** What ends a session, or begins one: each is typed above or below. */
const ENDS = ['exit', 'poweroff', 'reboot'];

test('each command that help names does what it says', { timeout: TIMEOUT }, async () => {
  const { host } = await worlds(
    [],
    COMMANDS.map(([line]) => command(line)),
  );
  const shown = host.split(/root@host:\S*# /).slice(1);
  for (const [n, [line, shows]] of COMMANDS.entries()) {
    expect(shown[n]!.startsWith(`${line}\n`), line).toBe(true);
    expect(shown[n]!.slice(line.length + 1), line).toMatch(shows);
  }
  const named = [...shown[0]!.matchAll(/^ {2}(\w+) /gm)].map((m) => m[1]!);
  const tried = new Set([...COMMANDS.map(([line]) => line.split(' ')[0]!), ...ENDS]);
  expect(named.filter((name) => !tried.has(name))).toEqual([]);
  expect(named.length).toBeGreaterThan(20);
});
