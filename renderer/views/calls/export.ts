/** Calls as files for other programs. */
import type { Call } from '../../../core/host/observation.ts';

export const asJsonLines = (calls: readonly Call[]): string =>
  calls.map((call) => `${JSON.stringify(call)}\n`).join('');

/** RFC 4180. A cell that a spreadsheet would take for a formula is quoted with an apostrophe in front. */
function cell(value: unknown): string {
  const text = String(value ?? '');
  const safe = /^[=+@-]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function asCsv(calls: readonly Call[]): string {
  const head = ['number', 'seconds', 'core', 'depth', 'from', 'to', 'name', 'arguments', 'result', 'duration', 'realm'];
  const rows = calls.map((c) => {
    const args = c.arguments.map((a) => `${a.name}=${a.value}`).join(' ');
    return [c.number, c.at, c.core, c.depth, c.from, c.to, c.name, args, c.result, c.seconds, c.realm];
  });
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
