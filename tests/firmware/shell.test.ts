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
