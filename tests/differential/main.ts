/**
 * Fresh random cases and programs, run live on an installed QEMU and on Trireme, and compared bit for bit.
 *
 *   npm run differential -- --seconds N [--seed S] [--group G]… [--mode M] [--environment NAME] [--afp]
 *
 * --qemu PATH       the reference (default: 11.1 if tests/differential/qemu-chroot.sh has fetched it, else PATH's)
 * --against PATH    compare with another QEMU instead of Trireme
 * --mode M          interpreter, compiled or normal (default: all three)
 * --show N          how many differences to print (default 3)
 */

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compare, describe, type Mismatch } from '../vectors/check.ts';
import { type Environment, environmentOf } from '../vectors/environment.ts';
import { type CreateExecutor, type Executor, MODES, type Mode } from '../vectors/executor.ts';
import { generateCase, Source } from '../vectors/generate.ts';
import { generateProgram } from '../vectors/program.ts';
import { findAnyQemu, QemuExecutor } from '../vectors/qemu-executor.ts';
import { caseOf } from '../vectors/recipe.ts';
import { environmentOfGroup, GROUPS, templatesOf } from '../vectors/templates/index.ts';
import { shrink } from './shrink.ts';

const TRIREME = new URL('../vectors/trireme-executor.ts', import.meta.url);
const BATCH = 2000;

async function subjects(environment: Environment, modes: readonly Mode[], against?: string): Promise<Executor[]> {
  if (against) return [new QemuExecutor(against, environment)];
  if (!existsSync(TRIREME)) throw new Error('Trireme has no test executor yet (tests/vectors/trireme-executor.ts)');
  const { createExecutor }: { createExecutor: CreateExecutor } = await import(TRIREME.href);
  return Promise.all(modes.map((mode) => createExecutor(environment, mode)));
}

/** Half cases of one instruction, half programs. */
function makeCases(seed: number, groups: readonly string[], afp: boolean) {
  const source = new Source(seed, afp);
  const templates = groups.flatMap(templatesOf);
  return Array.from({ length: BATCH }, (_, index) =>
    caseOf(index & 1 ? generateProgram(source, templates) : generateCase(source, source.random.pick(templates))),
  );
}

function report(mismatches: readonly Mismatch[], reference: Executor, subject: Executor, shown: number): void {
  for (const { case: failing } of mismatches.slice(0, shown)) {
    const small = shrink(failing, reference, subject);
    const [expected, actual] = [reference.run([small])[0], subject.run([small])[0]];
    console.log(describe({ index: 0, case: small, expected, actual }, reference.name, subject.name));
  }
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string' },
    group: { type: 'string', multiple: true },
    mode: { type: 'string', multiple: true },
    environment: { type: 'string' },
    qemu: { type: 'string' },
    against: { type: 'string' },
    show: { type: 'string', default: '3' },
    afp: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const environment = environmentOf(values.environment ?? environmentOfGroup(values.group?.[0] ?? ''));
  const groups = values.group ?? GROUPS.filter((group) => environmentOfGroup(group) === environment.name);
  if (groups.length === 0) throw new Error(`no group belongs to the environment ${environment.name}`);
  groups.forEach(templatesOf);
  const modes = (values.mode ?? MODES).map((name) => {
    const mode = MODES.find((known) => known === name);
    if (!mode) throw new Error(`no mode is called ${name} (${MODES.join(', ')})`);
    return mode;
  });
  const reference = new QemuExecutor(values.qemu ?? findAnyQemu(), environment);
  const others = await subjects(environment, modes, values.against);
  const first = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed);
  console.log(`${reference.name} against ${others.map(({ name }) => name).join(', ')}; seed ${first}`);
  const end = performance.now() + 1000 * Number(values.seconds);
  let count = 0;
  for (let seed = first; performance.now() < end; seed++) {
    const cases = makeCases(seed, groups, values.afp);
    const expected = reference.run(cases);
    for (const subject of others) {
      const mismatches = compare(cases, expected, subject.run(cases));
      if (mismatches.length === 0) continue;
      report(mismatches, reference, subject, Number(values.show));
      const groupText = values.group ? groups.map((group) => ` --group ${group}`).join('') : '';
      console.log(`${mismatches.length} of ${cases.length} cases differ; again with: --seed ${seed}${groupText}`);
      return 1;
    }
    count += cases.length;
  }
  console.log(`${count} cases and programs, no difference`);
  return 0;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: Error) => {
    console.error(`differential: ${error.message}`);
    process.exitCode = 2;
  },
);
