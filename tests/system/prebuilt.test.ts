/** Modules that a build makes ahead: what they are for, and that guests run on them as on those made at the start. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { archLibraries } from '../../core/arch/library.ts';
import { cpuOf } from '../../core/arch/registers/reset.ts';
import { buildCore } from '../../core/engine/build-core.ts';
import { prebuild, usualCpus } from '../../core/system/prebuild.ts';
import { Prebuilt } from '../../core/system/prebuilt.ts';
import { Code } from '../engine/asm.ts';
import { BareCore } from '../support/bare-core.ts';

const folder = join(mkdtempSync(join(tmpdir(), 'trireme-prebuilt-')), 'prebuilt');
let prebuilt: Prebuilt;
beforeAll(() => {
  prebuild(folder, usualCpus());
  prebuilt = Prebuilt.in(folder)!;
});
afterAll(() => rmSync(join(folder, '..'), { recursive: true }));

const exported = (module: WebAssembly.Module): string[] => WebAssembly.Module.exports(module).map(({ name }) => name);

it('is for the usual CPUs, and for no other', () => {
  for (const cpu of usualCpus()) {
    const { core } = prebuilt.for(cpu, true)!;
    expect(exported(core)).toEqual(exported(new WebAssembly.Module(buildCore(archLibraries(cpu)).bytes)));
  }
  expect(prebuilt.for(cpuOf('cortex-a72'), false)).toBeNull();
  expect(prebuilt.for(cpuOf('max', { lpa2: true }), false)).toBeNull();
});

it('knows CPUs apart whose core modules differ', () => {
  const [plain, realms] = [cpuOf('max', { has_el2: true, has_el3: true }), cpuOf('max', { 'x-rme': true })];
  expect(exported(prebuilt.for(plain, false)!.core)).not.toContain('granuleCheck');
  expect(exported(prebuilt.for(realms, false)!.core).length).toBeGreaterThan(
    exported(prebuilt.for(plain, false)!.core).length,
  );
});

it('has handlers that work with each of the core modules', () => {
  for (const cpu of usualCpus()) {
    for (const parallel of [false, true]) {
      const { core, handlers } = prebuilt.for(cpu, parallel)!;
      const there = new Set([...exported(core), ...WebAssembly.Module.imports(core).map(({ name }) => name)]);
      for (const { name } of WebAssembly.Module.imports(handlers!.module)) expect(there).toContain(name);
      expect(handlers!.shapes.length).toBeGreaterThan(2000);
    }
  }
});

it('runs every instruction with the handler of its own shape', () => {
  const { handlers } = prebuilt.for(usualCpus()[0]!, false)!;
  const code = (): Code => new Code().movImm(0, 7).addImm(1, 0, 5).alu('madd', 2, 0, 1).eor(3, 2, 1).semihost();
  const run = (made: typeof handlers): { x: bigint[]; made: number } => {
    const core = new BareCore({ mode: 'interpreter', libraries: archLibraries(), made });
    core.place(core.base, code().finish());
    core.pc = BigInt(core.base);
    core.run(1000);
    return { x: [0, 1, 2, 3].map((n) => core.x(n)), made: core.space.stats.handlers };
  };
  const [ahead, now] = [run(handlers), run(null)];
  expect(ahead.x).toEqual(now.x);
  expect(now.made).toBeGreaterThan(3);
  // Only what ends the program is not common.
  expect(ahead.made).toBeLessThan(now.made);
});

it('is nothing where there is no such folder', () => {
  expect(readdirSync(folder)).toContain('index.json');
  expect(Prebuilt.in(join(folder, 'other'))).toBeNull();
});
