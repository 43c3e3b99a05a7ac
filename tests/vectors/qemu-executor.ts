/** QEMU as an executor: the rig on its `virt` machine, one run of QEMU for a batch of cases. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BLOB, CODE, END_SYNDROME, END_WORDS, type Environment } from './environment.ts';
import type { Case, Executor } from './executor.ts';
import { correctQuirks } from './quirks.ts';
import { encodeBlob } from './rig/blob.ts';
import { definesFar, RECORD_BYTES, SLOT, State } from './state.ts';

const RIG = fileURLToPath(new URL('./rig/rig.elf', import.meta.url));
const FETCH = fileURLToPath(new URL('../differential/qemu-chroot.sh', import.meta.url));
/** Cases for one run: big enough that QEMU's start does not count, small enough to keep memory use modest. */
const BATCH = 16_384;
/** The synchronous exception vectors. */
const SYNCHRONOUS = [0x000, 0x200, 0x400, 0x600];

/** The path of QEMU 11.1 if its cache is there; with `fetch`, puts it there first. */
export function findQemu11(fetch: boolean): string | undefined {
  const made = spawnSync(FETCH, fetch ? [] : ['--check'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return made.status === 0 ? made.stdout.trim() : undefined;
}

/** QEMU 11.1 if its cache is there, else the one on PATH. */
export function findAnyQemu(): string {
  return findQemu11(false) ?? 'qemu-system-aarch64';
}

/** "11.1.3", or undefined when it does not run. */
export function qemuVersion(path: string): string | undefined {
  return /version (\S+)/.exec(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1];
}

/** `-cpu`'s argument. QEMU 7.2 knows QARMA5 only, and not by name. */
export function qemuCpu(version: string, environment: Environment): string {
  const old = Number.parseInt(version, 10) < 8;
  const properties = environment.properties.filter((property) => !(old && property === 'pauth-qarma5=on'));
  return ['max', 'sve=off', 'sme=off', ...properties].join(',');
}

export class QemuExecutor implements Executor {
  readonly name: string;
  readonly cpu: string;
  readonly version: string;
  #path: string;
  #environment: Environment;

  constructor(path: string, environment: Environment) {
    const version = qemuVersion(path);
    if (!version) throw new Error(`${path} is not a QEMU that runs`);
    this.version = version;
    this.cpu = qemuCpu(version, environment);
    this.name = `QEMU ${version} -cpu ${this.cpu}`;
    this.#path = path;
    this.#environment = environment;
  }

  run(cases: readonly Case[]): State[] {
    const states: State[] = [];
    for (let at = 0; at < cases.length; at += BATCH) states.push(...this.#batch(cases.slice(at, at + BATCH)));
    return states;
  }

  #batch(cases: readonly Case[]): State[] {
    const folder = mkdtempSync(join(tmpdir(), 'trireme-rig-'));
    try {
      writeFileSync(join(folder, 'cases.bin'), encodeBlob(cases, this.#environment));
      const machine = ['-M', 'virt', '-cpu', this.cpu, '-m', '512M', '-accel', 'tcg', '-nographic', '-nic', 'none'];
      const device = `loader,file=cases.bin,addr=0x${BLOB.toString(16)},force-raw=on`;
      const made = spawnSync(
        this.#path,
        [...machine, '-monitor', 'none', '-serial', 'none', '-semihosting', '-kernel', RIG, '-device', device],
        { cwd: folder, encoding: 'utf8', timeout: 20_000 + 10 * cases.length },
      );
      if (made.error) throw new Error(`${this.name}: ${made.error.message} (does a case never end?)`);
      if (made.status !== 0) throw new Error(`${this.name}: exit status ${made.status}\n${made.stderr}`);
      const bytes = readFileSync(join(folder, 'results.bin'));
      if (bytes.length !== cases.length * RECORD_BYTES) throw new Error(`${this.name}: results cut short`);
      const buffer = new Uint8Array(bytes).buffer;
      return cases.map((each, index) => normalised(new State(buffer, index * RECORD_BYTES), each, this));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** What the rig recorded, made to read as Executor.run promises. */
function normalised(state: State, { words, input }: Case, executor: QemuExecutor): State {
  const { slots } = state;
  const hex = words.map((word) => word.toString(16).padStart(8, '0')).join(' ');
  if (!SYNCHRONOUS.includes(Number(slots[SLOT.vector]))) {
    throw new Error(`${executor.name}: ${hex} ended in vector 0x${slots[SLOT.vector].toString(16)}`);
  }
  slots[SLOT.vector] = 0n;
  const end = BigInt(CODE + 4 * (words.length + END_WORDS.length));
  if (slots[SLOT.esr] === END_SYNDROME && slots[SLOT.pc] === end) {
    slots[SLOT.esr] = 0n;
    slots[SLOT.pc] = 0n;
  }
  if (!definesFar(state.esr)) slots[SLOT.far] = 0n;
  correctQuirks(words, state, input);
  return state;
}
