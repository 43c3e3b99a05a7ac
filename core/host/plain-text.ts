/** Console output as the text that a reader sees, without what steers a terminal (ECMA-48). */

// CSI, then the strings (OSC, DCS, SOS, PM, APC) with their end, then the shorter ones, then lone controls but CR, TAB and BS.
const ESCAPES =
  /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]|[\x00-\x07\x0a-\x0c\x0e-\x1f\x7f]/g;

/** One line. What is written over the beginning after a carriage return, or over a character after a backspace, replaces it. */
export function plainText(line: string): string {
  const text = line.replace(/\r*\n$/, '').replace(ESCAPES, '');
  if (!/[\r\b]/.test(text)) return text;
  const cells: string[] = [];
  let column = 0;
  for (const c of text) {
    if (c === '\r') column = 0;
    else if (c === '\b') column = Math.max(0, column - 1);
    else cells[column++] = c;
  }
  return cells.join('').trimEnd();
}
