/** RME and MEC as they are asked for on command lines: what ID registers say then. Real runs of the command. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hostDefaults } from '../../core/cli/host-options.ts';
import { configure } from '../../core/cli/run.ts';
import { Assembler } from '../smp/assembler.ts';
import { buildElf, code } from '../support/elf-builder.ts';
import { startTrireme } from '../support/trireme.ts';

const AT = 0x40200000;
const lsr = (rd: number, shift: number): number => (0xd340fc00 | (shift << 16) | (rd << 5) | rd) >>> 0;
const addShifted = (rm: number, shift: number): number => (0x8b000000 | (rm << 16) | (shift << 10)) >>> 0;

/** Leaves with ID_AA64PFR0_EL1.RME + (ID_AA64MMFR3_EL1.MEC << 2) + (MECIDR_EL2.MECIDWidthm1 << 3). */
function program(): Uint8Array {
  const a = new Assembler();
  a.mrs(0, 3, 0, 0, 4, 0).word(lsr(0, 52)).andImmLow(0, 0, 2);
  a.mrs(1, 3, 0, 0, 7, 3).word(lsr(1, 28)).andImmLow(1, 1, 1).movImm(2, 0);
  a.cbz(1, 'none').mrs(2, 3, 4, 10, 8, 7).andImmLow(2, 2, 4).label('none');
  a.word(addShifted(1, 2)).word(addShifted(2, 3));
  a.movImm(4, AT + 0x1008)
    .str(0, 4)
    .movImm(1, AT + 0x1000)
    .movImm(3, 0x20026)
    .str(3, 1);
  a.movImm(0, 0x18).semihost();
  return buildElf({ entry: AT, segments: [{ address: AT, bytes: code(...a.finish()), memoryBytes: 0x2000 }] });
}
const folder = mkdtempSync(join(tmpdir(), 'trireme-rme-'));
const file = join(folder, 'ids.elf');
writeFileSync(file, program());
afterAll(() => rmSync(folder, { recursive: true }));

const status = (rme: number, mec: number, width: number): number => rme + (mec << 2) + ((width - 1) << 3);
/** Bits of the width are 0 where there is no MEC. */
const NO_MEC = (rme: number): number => rme;
const RUN = `run --kernel ${file} --timeout 50 --el 3`;
const QEMU = `qemu -kernel ${file} -semihosting -display none -serial null --timeout 50`;
const LINES: readonly [line: string, status: number][] = [
  [`${RUN}`, NO_MEC(0)],
  [`${RUN} --rme on --enable-mec --mecid-width 5 --mec-model deadbeef`, status(2, 1, 5)],
  [`${RUN} --cpu max,x-rme=on --enable-mec`, status(2, 1, 16)],
  [`${QEMU} -M virt,secure=on,virtualization=on -cpu max,x-rme=on`, NO_MEC(2)],
  [`${QEMU} -M virt,secure=on,virtualization=on,mec=on -cpu max,x-rme=on --mecid-width 1`, status(2, 1, 1)],
  [`${QEMU} -M virt,secure=on,virtualization=on --rme on --enable-mec --mec-model off`, status(2, 1, 16)],
];

it.each(LINES)('%s', async (line, expected) => {
  const run = await startTrireme(line.split(' ')).ended;
  expect([run.status, run.stdout, run.stderr]).toEqual([expected, '', '']);
});

describe('what does not fit is one line', () => {
  it.each([
    [`run --kernel ${file} --rme on`, /^trireme: RME needs EL3: .*--el 3\n$/],
    [`${RUN} --enable-mec`, /^trireme: MEC needs RME: .*\n$/],
    [`${RUN} --rme on --mecid-width 17`, /^trireme: .*--mecid-width.*from 1 to 16.*\n$/],
    [`${RUN} --rme on --mec-model best`, /^trireme: .*exact, deadbeef, off.*\n$/],
  ])('%s', async (line, message) => {
    const run = await startTrireme(line.split(' ')).ended;
    expect(run.status).toBe(2);
    expect(run.stderr).toMatch(message);
  });
});

it('the model reaches the machine', () => {
  const options = {
    kernel: file,
    cpus: 1,
    memory: 16 << 20,
    el: '3',
    cpu: 'max',
    engine: 'normal',
    semihosting: true,
  } as const;
  const made = configure(
    { ...options, rme: true, enableMec: true, mecModel: 'deadbeef', mecidWidth: 3 },
    hostDefaults(),
  );
  expect([made.mec, made.features?.['x-rme']]).toEqual([{ enabled: true, model: 'deadbeef', width: 3 }, true]);
});
