/** Lines typed on a raw terminal: echo, erasing, history. */

const HISTORY = 100;

export class LineEditor {
  private line = '';
  private history: string[] = [];
  private at = 0;
  private escape = '';
  /** Keys that wait for an answer to be shown. */
  private ahead: string[] = [];
  private busy = false;
  private readonly decoder = new TextDecoder();
  private readonly write: (text: string) => void;
  private readonly enter: (line: string) => Promise<string>;
  private readonly mark: string;

  /** `enter` yields the answer to a line; the next prompt follows it. */
  constructor(write: (text: string) => void, enter: (line: string) => Promise<string>, mark = '(trireme) ') {
    this.write = write;
    this.enter = enter;
    this.mark = mark;
  }

  prompt(): void {
    this.write(`${this.mark}${this.line}`);
  }

  feed(bytes: Uint8Array): void {
    this.ahead.push(...this.decoder.decode(bytes, { stream: true }));
    this.work();
  }

  private work(): void {
    while (!this.busy && this.ahead.length > 0) this.key(this.ahead.shift()!);
  }

  private key(key: string): void {
    if (this.escape !== '' || key === '\x1b') {
      this.escape += key;
      // A control sequence ends with a letter or a tilde.
      if (this.escape.length > 2 ? /[A-Za-z~]$/.test(key) : this.escape.length === 2 && key !== '[' && key !== 'O')
        this.arrow();
      return;
    }
    if (key === '\r' || key === '\n') this.done();
    else if (key === '\x7f' || key === '\b') this.replace(this.line.slice(0, -1));
    else if (key === '\x15' || key === '\x03') this.replace('');
    else if (key >= ' ') {
      this.line += key;
      this.write(key);
    }
  }

  private arrow(): void {
    const step = /^\x1b[[O]A$/.test(this.escape) ? -1 : /^\x1b[[O]B$/.test(this.escape) ? 1 : 0;
    this.escape = '';
    if (step === 0) return;
    this.at = Math.min(this.history.length, Math.max(0, this.at + step));
    this.replace(this.history[this.at] ?? '');
  }

  private replace(line: string): void {
    let same = 0;
    while (same < line.length && line[same] === this.line[same]) same++;
    this.write(`${'\b \b'.repeat(this.line.length - same)}${line.slice(same)}`);
    this.line = line;
  }

  private done(): void {
    const line = this.line.trim();
    this.line = '';
    this.write('\r\n');
    if (line !== '' && this.history.at(-1) !== line) this.history.push(line);
    this.history = this.history.slice(-HISTORY);
    this.at = this.history.length;
    if (line === '') {
      this.prompt();
      return;
    }
    this.busy = true;
    void this.enter(line)
      .catch((error: Error) => `internal error: ${error.message}`)
      .then((answer) => {
        if (answer !== '') this.write(answer.replace(/\n?$/, '\n').replaceAll('\n', '\r\n'));
        this.busy = false;
        this.prompt();
        this.work();
      });
  }
}
