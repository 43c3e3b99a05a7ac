/** The WebAssembly modules that a system runs on. */
import type { Cpu } from '../arch/registers/reset.ts';
import type { SystemConfig } from './api.ts';
import { type Modules, Prebuilt } from './prebuilt.ts';

/** `parallel`: cores run in threads of their own. What a build has made already is taken; else they are made now. */
export async function modulesOf(config: SystemConfig, cpu: Cpu, parallel: boolean): Promise<Modules> {
  const { trace } = config;
  const made = trace ? null : Prebuilt.in()?.for(cpu, parallel);
  if (made) return made;
  const [{ archLibraries }, { buildCore }, { traceRoutines }] = await Promise.all([
    import('../arch/library.ts'),
    import('../engine/build-core.ts'),
    import('./tracing.ts'),
  ]);
  const { bytes } = buildCore(archLibraries(cpu), trace && ((library) => traceRoutines(library, trace.choices)));
  return { core: new WebAssembly.Module(bytes), handlers: null };
}
