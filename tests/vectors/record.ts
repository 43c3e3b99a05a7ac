/**
 * Records vectors from QEMU 11.1 into tests/vectors/data.
 *
 *   node tests/vectors/record.ts [GROUP…] [--cases N] [--seed S] [--afp] [--check] [--qemu PATH]
 *
 * Without groups: all. --check records again and only compares with what is there. A file stays under 150 KB: fewer
 * cases are taken if need be.
 */

import { parseArgs } from 'node:util';
import { compare, describe } from './check.ts';
import { readVectors, writeVectors } from './data.ts';
import { type Environment, environmentOf } from './environment.ts';
import type { Executor } from './executor.ts';
import { encodeVectors } from './format.ts';
import { generateCases, Source } from './generate.ts';
import { findQemu11, QemuExecutor, qemuVersion } from './qemu-executor.ts';
import { caseOf, type Recipe } from './recipe.ts';
import type { State } from './state.ts';
import { environmentOfGroup, GROUPS, templatesOf } from './templates/index.ts';

const LIMIT = 150_000;
/** Cases for each template unless told, within these bounds for the group. */
const EACH = 250;
const LEAST = 1000;
const MOST = 5000;

function record(group: string, executor: QemuExecutor, environment: Environment, recipes: readonly Recipe[]): string {
  const expected = executor.run(recipes.map(caseOf));
  const about = { group, environment: environment.name, recorder: `QEMU ${executor.version} -cpu ${executor.cpu}` };
  let count = recipes.length;
  for (;;) {
    const bytes = encodeVectors(about, recipes.slice(0, count), expected.slice(0, count));
    if (bytes.length <= LIMIT) {
      writeVectors(group, bytes);
      return `${count} cases, ${bytes.length} bytes, ${faults(expected.slice(0, count))} end in an exception`;
    }
    count = Math.floor(count * Math.min(0.98, (LIMIT / bytes.length) * 0.99));
  }
}

const faults = (states: readonly State[]) => states.filter(({ esr }) => esr !== 0).length;

/** Runs what is recorded again. */
function check(group: string, executor: Executor): string {
  const { vectors } = readVectors(group);
  const mismatches = compare(
    vectors,
    vectors.map(({ expected }) => expected),
    executor.run(vectors),
  );
  for (const mismatch of mismatches.slice(0, 3)) console.log(describe(mismatch, 'recorded', executor.name));
  if (mismatches.length > 0) process.exitCode = 1;
  return `${mismatches.length} of ${vectors.length} differ`;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cases: { type: 'string' },
    seed: { type: 'string', default: '1' },
    afp: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    qemu: { type: 'string' },
  },
});

const qemu = values.qemu ?? findQemu11(true);
if (!qemu) throw new Error('QEMU 11.1 could not be fetched');
console.log(`QEMU ${qemuVersion(qemu)}`);
for (const group of positionals.length > 0 ? positionals : GROUPS) {
  const started = performance.now();
  const environment = environmentOf(environmentOfGroup(group));
  const executor = new QemuExecutor(qemu, environment);
  let text: string;
  if (values.check) text = check(group, executor);
  else {
    const templates = templatesOf(group);
    const count = Number(values.cases ?? Math.min(MOST, Math.max(LEAST, EACH * templates.length)));
    const source = new Source(Number(values.seed), values.afp);
    text = record(group, executor, environment, generateCases(source, templates, count));
  }
  console.log(`${group}: ${text}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
