/** What a command line asks for instead of a run: `-help`, `-version`, `-cpu help`. Thrown where it is found, as QEMU ends there. */
export class Answer extends Error {
  /** With a newline at its end. */
  constructor(text: string) {
    super(`${text}\n`);
  }
}

/** Names below a title, in lines of 80 columns. */
export function listed(title: string, names: readonly string[]): string {
  const lines = [title];
  let line = ' ';
  for (const name of names) {
    if (line.length + 1 + name.length > 80) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${name}`;
  }
  return [...lines, line].join('\n');
}
