/** Granule protection against QEMU 11.1, where it is there (`tests/differential/qemu-chroot.sh`): the same code, the same registers. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { findQemu11 } from '../vectors/qemu-executor.ts';
import {
  ALIAS,
  ENTRY,
  GPI,
  type Monitor,
  monitorImage,
  PAGES,
  PLACES,
  type Program,
  RAM,
  RESULT_BYTES,
  RESULTS,
  type Routine,
  runImage,
  TABLES,
  type World,
} from './monitor.ts';

const qemu = findQemu11(false);

const P = PAGES;
const SIZE = 4;
/** Runs a routine and notes X1, ESR_EL3, FAR_EL3, MFAR_EL3. */
function one(a: Monitor, world: World, routine: Routine, at: number, x1 = 0): void {
  a.set('FAR_EL3', 0).set('MFAR_EL3', 0);
  a.in(world, routine, at, x1);
  a.noteX1().noteRegister('ESR_EL3').noteRegister('FAR_EL3').noteRegister('MFAR_EL3');
}
/** A word that QEMU's run sets when it is at the end. */
const FINISHED = RESULTS + RESULT_BYTES;
const WORLDS: readonly World[] = ['ns2', 'realm2', 'realm1'];
const CODES = [GPI.none, GPI.secure, GPI.nonSecure, GPI.root, GPI.realm, GPI.any, 4, 7];

/** Memory as QEMU leaves it when the program has come to its end. */
async function inQemu(program: Program, granules: [number, number][]): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'trireme-qemu-'));
  const [image, dump] = [join(folder, 'image'), join(folder, 'dump')];
  writeFileSync(
    image,
    monitorImage(
      (a, core) => {
        program(a, core);
        // QEMU ends by command: the program's own end would take memory along.
        a.movImm(0, FINISHED).movImm(1, 1).str(1, 0).label('here').b('here');
      },
      { cores: 1, granules },
    ),
  );
  const child = spawn(qemu!, [
    ...'-M virt,secure=on,virtualization=on,gic-version=3 -cpu max,x-rme=on -m 64 -display none -serial null'.split(
      ' ',
    ),
    ...['-monitor', 'stdio', '-device', `loader,file=${image},addr=${RAM},force-raw=on`],
    ...['-device', `loader,addr=${ENTRY},cpu-num=0`],
  ]);
  const ended = new Promise<void>((r) => child.once('exit', () => r()));
  try {
    let text = '';
    child.stdout.on('data', (d: Buffer) => {
      text += d.toString();
    });
    /** What the monitor says to a command, once it asks for the next. */
    const said = async (command: string): Promise<string> => {
      const from = text.length;
      child.stdin.write(`${command}\n`);
      for (let i = 0; i < 400 && !/\(qemu\) $/.test(text.slice(from)); i++) await sleep(25);
      return text.slice(from);
    };
    for (let i = 0; i < 400 && !text.includes('(qemu)'); i++) await sleep(25);
    for (let i = 0; !/: 0x0+1\b/.test(await said(`xp /1gx ${FINISHED}`)); i++) {
      if (i === 200) throw new Error(`QEMU did not come to the program's end: ${text}`);
      await sleep(25);
    }
    await said(`pmemsave ${RESULTS} ${RESULT_BYTES} "${dump}"`);
    child.stdin.write('quit\n');
    await ended;
    return readFileSync(dump);
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}
function words(bytes: Uint8Array, count: number): string[] {
  const v = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: SIZE }, (_, k) => v.getBigUint64(8 * (SIZE * i + k), true).toString(16)).join(' '),
  );
}

/** QEMU leaves the address' low bits in MFAR_EL3, which are RES0 (D24.2.96). */
const masked = (line: string): string => line.replace(/\w+$/, (mfar) => (BigInt(`0x${mfar}`) & ~0xfffn).toString(16));

/** An address space that is off faults before the table is looked at, so at level 0 (D9.3.2); QEMU says the level of the table. */
const levelZero = (title: string, line: string): string =>
  /^[RNS]+L?PAD/.test(title)
    ? line.replace(/ (7a\w+)/, (_, esr) => ` ${(Number.parseInt(esr, 16) & ~(1 << 14)).toString(16)}`)
    : line;

async function same(program: Program, titles: readonly string[], granules: [number, number][]): Promise<void> {
  const ours = await runImage(program, { cores: 1, granules, mec: { enabled: true, model: 'off' } });
  expect(ours.how).toBe('exit 0');
  const theirs = await inQemu(program, granules);
  const named = (list: string[]): string[] => list.map((v, i) => `${titles[i]!}: ${v}`);
  const expected = words(theirs, titles.length).map((line, i) => levelZero(titles[i]!, masked(line)));
  expect(named(words(ours.results, titles.length))).toEqual(named(expected));
}

describe.skipIf(!qemu)(
  'as in QEMU 11.1 (needs tests/differential/qemu-chroot.sh): value, ESR_EL3, FAR_EL3, MFAR_EL3',
  () => {
    it('every code, world and access', async () => {
      const granules = CODES.map((code, i): [number, number] => [P + 0x10000 * i, code]);
      const steps: [World, Routine, number][] = [];
      for (const i of CODES.keys()) {
        for (const w of WORLDS) {
          for (const r of ['load', 'store', 'wipe'] as const) {
            const at = P + 0x10000 * i + (w === 'ns2' ? 0 : ALIAS);
            steps.push([w, r, r === 'wipe' ? at : at + 8 * steps.length]);
          }
        }
      }
      const program: Program = (a) => {
        for (const [w, r, at] of steps) one(a, w, r, at, 3);
      };
      await same(
        program,
        steps.map(([w, r, at]) => `${w} ${r} ${at.toString(16)}`),
        granules,
      );
    }, 60_000);
    it('address spaces switched off; tables and code in granules of others', async () => {
      const titles: string[] = [];
      const each = (a: Monitor, what: string): void => {
        for (const w of WORLDS) {
          one(a, w, 'load', P + (w === 'ns2' ? 0 : ALIAS));
          titles.push(`${what}: ${w}`);
        }
      };
      const program: Program = (a) => {
        titles.length = 0;
        for (const [name, bit] of [
          ['RLPAD', 5n],
          ['NSPAD', 6n],
          ['SPAD', 7n],
        ] as const) {
          a.controls(1n << bit);
          each(a, name);
        }
        a.controls(0n);
        for (const [name, at] of [...Object.entries(TABLES), ...Object.entries(PLACES)]) {
          // Translations that need no walk any more may outlive the granule of their tables; QEMU's do not.
          a.granule(at, GPI.root).controls(0n);
          each(a, `${name} in Root`);
          a.granule(at, GPI.any);
        }
        each(a, 'at the end');
      };
      await same(program, titles, []);
    }, 60_000);
  },
);
