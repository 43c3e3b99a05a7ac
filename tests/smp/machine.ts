/** Two cores with stage 1 on that run a program each, and meet at barriers; the host looks at memory afterwards. */
import { bareSystem } from '../../core/machines/bare.ts';
import type { EngineMode } from '../../core/system/api.ts';
import { createSystem } from '../../core/system/system.ts';
import { Assembler } from './assembler.ts';

const RAM = 0x40000000;
const RAM_BYTES = 64 << 20;
const CODE = RAM + 0x10000;
const TABLE = RAM + 0x8000;
/** Words by which the cores meet: how many arrivals there were; how many cores are done. */
const ARRIVED = RAM + 0x1000;
const DONE = RAM + 0x1040;
const EXIT_BLOCK = RAM + 0x1080;
/** Memory for the programs' data. */
export const DATA = RAM + 0x100000;

export const CORES = 2;

/** Registers that `meet` uses, and the address and running target of the arrivals. */
const [T0, ONE, MEETING, TARGET] = [24, 25, 26, 27];

/** Emits code that waits until all cores are here. */
export function meet(a: Assembler): void {
  const again = a.fresh();
  a.atomic('add', ONE, T0, MEETING, 8, 'al');
  a.addImm(TARGET, TARGET, CORES);
  a.label(again).ldar(T0, MEETING).subs(T0, T0, TARGET).bIf('lt', again);
}

/** Entry of each core: translation by one block of 1 GB, Normal write-back; its number in X0. */
function start(a: Assembler): void {
  const set = (value: number | bigint, code: readonly [number, number, number, number, number]): void => {
    a.movImm(0, value).msr(0, ...code);
  };
  set(0xff, [3, 0, 10, 2, 0]);
  set(0x5_0080_3519n, [3, 0, 2, 0, 2]);
  set(TABLE, [3, 0, 2, 0, 0]);
  a.barrier('isb');
  set(0x30d0_1805n, [3, 0, 1, 0, 0]);
  a.barrier('isb');
  a.mrs(0, 3, 0, 0, 0, 5).andImmLow(0, 0, 8);
  a.movImm(ONE, 1).movImm(MEETING, ARRIVED).movImm(TARGET, 0);
}

/** What is called for each core to emit its program; X24–X27 are taken. */
export type Program = (a: Assembler, core: number) => void;

/** Runs the program on both cores to its end and yields the machine's memory behind DATA. */
export async function runTogether(program: Program, engine: EngineMode, dataBytes: number): Promise<DataView> {
  const a = new Assembler();
  start(a);
  a.cbnz(0, 'second');
  for (let core = 0; core < CORES; core++) {
    if (core) a.label('second');
    program(a, core);
    a.movImm(0, DONE).atomic('add', ONE, 1, 0, 8, 'al');
    if (core) a.label('rest').yield().b('rest');
    else {
      a.label('wait').ldar(1, 0).addImm(1, 1, -CORES).cbnz(1, 'wait');
      a.movImm(0, 0x18).movImm(1, EXIT_BLOCK).semihost();
    }
  }
  const image = new Uint8Array(CODE - RAM + 4 * a.words.length);
  const view = new DataView(image.buffer);
  a.finish().forEach((w, i) => {
    view.setUint32(CODE - RAM + 4 * i, w, true);
  });
  // The second gigabyte's entry: address, access flag, inner shareable, attribute 0.
  view.setBigUint64(TABLE - RAM + 8, BigInt(RAM) | 0x701n, true);
  view.setBigUint64(EXIT_BLOCK - RAM, 0x20026n, true);
  const system = await createSystem(
    bareSystem({
      cores: CORES,
      memoryBytes: RAM_BYTES,
      cpuModel: 'max',
      engine,
      deterministic: false,
      startEl: 1,
      images: [{ address: RAM, bytes: image }],
      entry: BigInt(CODE),
      semihosting: { files: 'none', commandLine: '' },
      psci: 'none',
    }),
  );
  const exited = new Promise<string>((resolve) => {
    system.on('exit', (e) => resolve(`${e.reason} ${e.status} ${e.message ?? ''}`.trim()));
  });
  await system.start();
  const timer = setTimeout(() => void system.stop(), 60_000);
  const how = await exited;
  clearTimeout(timer);
  const data = system.readMemory(BigInt(DATA), dataBytes);
  if (how !== 'exit 0') throw new Error(`the machine ended with ${how}`);
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}
