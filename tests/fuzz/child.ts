/**
 * Fuzzes one target in a process of its own, so that the process's peak memory is the target's: `child.ts TARGET SECONDS SEED`. A thread
 * does the rounds; this one sees whether it still gets on. Prints the result as JSON, or one line on stderr, with status 1.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { randomNumbers } from '../support/random.ts';
import { TARGETS } from './targets.ts';

/** A round that takes longer hangs, in milliseconds: of computing, and of anything, for a busy host lets a process wait. */
const HANG = { computing: 20_000, waiting: 100_000 };

interface Work {
  readonly name: string;
  readonly seconds: number;
  readonly seed: number;
  /** The rounds that were begun. */
  readonly begun: Int32Array;
}

/** Peak resident memory of this process, MiB. */
const peak = (): number => process.resourceUsage().maxRSS / 1024;

function run({ name, seconds, seed, begun }: Work): void {
  const target = TARGETS.find((one) => one.name === name)!;
  const fuzz = target.open(randomNumbers(seed));
  const before = peak();
  const end = performance.now() + 1000 * seconds;
  let taken = 0;
  let grown = 0;
  while (performance.now() < end) {
    const round = Atomics.add(begun, 0, 1);
    try {
      if (fuzz.round()) taken++;
      grown = peak() - before;
      if (grown > target.memory) throw new Error(`takes ${Math.round(grown)} MiB, more than ${target.memory}`);
    } catch (error) {
      throw new Error(`${name}, seed ${seed}, round ${round}: ${(error as Error).message}`, { cause: error });
    }
  }
  fuzz.close?.();
  parentPort!.postMessage({ rounds: begun[0], taken, mebibytes: Math.round(grown) });
}

function watch(): void {
  const [name, seconds, seed] = process.argv.slice(2);
  const begun = new Int32Array(new SharedArrayBuffer(4));
  const work: Work = { name: name!, seconds: Number(seconds), seed: Number(seed), begun };
  const worker = new Worker(import.meta.filename, { workerData: work });
  const fail = (line: string): void => {
    console.error(line);
    process.exit(1);
  };
  const now = () => ({ computing: process.cpuUsage().user / 1000, waiting: performance.now() });
  let [last, since] = [0, now()];
  const timer = setInterval(() => {
    const { computing, waiting } = now();
    if (begun[0] !== last) [last, since] = [begun[0]!, { computing, waiting }];
    else if (computing - since.computing > HANG.computing || waiting - since.waiting > HANG.waiting)
      fail(`${name}, seed ${seed}, round ${last - 1}: hangs`);
  }, 200);
  worker.on('message', (result) => console.log(JSON.stringify(result)));
  worker.on('error', (error: Error) => {
    if (process.env.TRIREME_DEBUG) console.error(error);
    fail(error.message.split('\n')[0]!);
  });
  worker.on('exit', () => clearInterval(timer));
}

if (isMainThread) watch();
else run(workerData as Work);
