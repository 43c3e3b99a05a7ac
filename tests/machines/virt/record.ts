/**
 * Records what QEMU's device trees say: `node --no-warnings tests/machines/virt/record.ts QEMU`, QEMU being what
 * `tests/differential/qemu-chroot.sh` prints. Writes `qemu-trees.json`: for each case its nodes and properties, the version asked.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFdt } from '../../../core/boot/fdt-read.ts';
import { CASES, smallFirmware, smallInitrd, smallKernel } from './cases.ts';
import { type Normal, normalise } from './normalise.ts';

const [qemu] = process.argv.slice(2);
if (!qemu) throw new Error('usage: record.ts QEMU');
const folder = mkdtempSync(join(tmpdir(), 'virt-trees-'));
try {
  const file = (name: string): string => join(folder, name);
  writeFileSync(file('KERNEL'), smallKernel());
  writeFileSync(file('INITRD'), smallInitrd());
  writeFileSync(file('FIRMWARE'), smallFirmware());
  const version = /version (\S+)/.exec(execFileSync(qemu, ['--version'], { encoding: 'utf8' }))![1]!;
  const trees: Record<string, Normal> = {};
  for (const { name, qemu: args } of CASES) {
    const dump = file(`${name}.dtb`);
    execFileSync(qemu, ['-M', `virt,gic-version=3,acpi=off,dumpdtb=${dump}`, '-display', 'none', ...args], {
      cwd: folder,
      stdio: 'ignore',
      timeout: 30_000,
    });
    trees[name] = normalise(readFdt(readFileSync(dump), name));
  }
  writeFileSync(join(import.meta.dirname, 'qemu-trees.json'), `${JSON.stringify({ version, trees }, null, 1)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
