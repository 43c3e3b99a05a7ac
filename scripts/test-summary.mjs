// Turns vitest's JSON report into one last line for CI: `N passed, N failed`.
//
//   node scripts/test-summary.mjs REPORT.json [FAILED-STEP…]
//
// Each FAILED-STEP (setup, check, test) is a step of CI that did not end with status 0. Status 1 unless all is well.
// Tests that were skipped are named before it, by the group whose title says what they need.

import { readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @typedef {{ status?: string, ancestorTitles?: string[], title?: string }} ReportedTest */
/** @typedef {{ status: string, assertionResults: ReportedTest[] }} ReportedFile */
/** @typedef {{ numPassedTests: number, numFailedTests: number, testResults: ReportedFile[] }} Report */

/**
 * @param {Report | undefined} report what vitest wrote; undefined if it wrote nothing that can be read
 * @param {string[]} failedSteps names of CI's steps that failed
 * @returns {{ passed: number, failed: number, remarks: string[] }} counts, and why `failed` exceeds the failed tests
 */
export function summarize(report, failedSteps) {
  const remarks = [];
  const passed = report?.numPassedTests ?? 0;
  let failed = report?.numFailedTests ?? 0;
  for (const file of report?.testResults ?? []) {
    // A file that does not load has failed without a single test in it.
    if (file.status === 'failed' && file.assertionResults.length === 0) failed++;
  }
  const explained = failed > 0;
  for (const step of failedSteps) {
    // Failed tests are why the test step failed; if there are none, something outside of any test went wrong.
    if (step === 'test' && explained) continue;
    failed++;
    remarks.push(step === 'test' ? 'the test run failed outside of any test' : `${step} failed`);
  }
  if (passed === 0 && failed === 0) {
    failed = 1;
    remarks.push('no test ran');
  }
  return { passed, failed, remarks };
}

/**
 * @param {Report | undefined} report
 * @returns {string[]} a line for each group of tests that was skipped
 */
export function skippedGroups(report) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { status, ancestorTitles, title } of (report?.testResults ?? []).flatMap((f) => f.assertionResults)) {
    if (status !== 'skipped' && status !== 'pending') continue;
    const name = ancestorTitles?.join(' > ') || title || '?';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} skipped: ${name}`);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [file, ...failedSteps] = process.argv.slice(2);
  /** @type {Report | undefined} */
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // No report: the test run did not get that far, which its own failed step says.
  }
  const { passed, failed, remarks } = summarize(report, failedSteps);
  for (const remark of [...skippedGroups(report), ...remarks]) process.stdout.write(`${remark}\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed > 0 ? 1 : 0;
}
