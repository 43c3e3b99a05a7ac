/** Entry of the thread that compiles regions for those that run cores. */
import { workerData } from 'node:worker_threads';
import { MEMORY_TYPE } from '../../engine/abi.ts';
import { coreLibrary } from '../../engine/build-core.ts';
import { layoutOf } from '../../engine/layout.ts';
import { RegionCompiler } from '../../engine/region-compiler.ts';
import type { SystemConfig } from '../api.ts';
import { engineCpuOf } from '../engine-cpu.ts';
import { stepBack } from '../priority.ts';
import { traceRoutines } from '../tracing.ts';
import { type CompilerChannel, serve } from './channel.ts';
import { FirstCalls } from './first-calls.ts';

/** What it is told when it starts. */
export interface CompilerSetup {
  readonly memory: WebAssembly.Memory<SharedArrayBuffer>;
  /** The core module. */
  readonly core: WebAssembly.Module;
  /** Arguments of `layoutOf`. */
  readonly arrangement: readonly [cores: number, spaces: number, arenaBytes: number];
  readonly config: SystemConfig;
  readonly channels: readonly CompilerChannel[];
  readonly bell: Int32Array<SharedArrayBuffer>;
}

const { memory, core, arrangement, config, channels, bell } = workerData as CompilerSetup;
if (config.background) stepBack();
const { libraries, decoder } = engineCpuOf(config);
const library = coreLibrary(libraries);
if (config.trace) traceRoutines(library, config.trace.choices);
const layout = layoutOf(...arrangement);
const compiler = new RegionCompiler(memory.buffer, library, MEMORY_TYPE, decoder, layout.parallel);
const first = new FirstCalls(memory, core, layout.nobody);
serve(channels, bell, (jobs) => {
  const batch = compiler.compile(jobs);
  first.of(batch);
  return batch;
});
