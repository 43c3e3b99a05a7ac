/** A guest on `virt`, run by the command as users run it, and talked to over its consoles. */
import { type ChildProcess, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';

const main = join(import.meta.dirname, '..', '..', 'core', 'cli', 'main.ts');

/** Shells' prompts in the initial RAM disk. Something of the kernel's may stand behind one. */
export const PROMPT = /^(\x1b\[6n)?~ # /m;

/** Something that shows text and can be typed to. */
class Talk {
  /** Everything that was shown. */
  text = '';
  private from = 0;
  private closed: string | null = null;
  private readonly type: (text: string) => void;
  private readonly waiters = new Set<() => void>();

  constructor(type: (text: string) => void) {
    this.type = type;
  }
  shown(text: string): void {
    this.text += text;
    for (const look of [...this.waiters]) look();
  }
  /** Nothing more will be shown. */
  close(why: string): void {
    this.closed = why;
    for (const look of [...this.waiters]) look();
  }
  send(text: string): void {
    this.type(text);
  }
  /** Waits until it is shown, behind what was waited for before; yields the match. */
  expect(pattern: RegExp, seconds = 600): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const done = (act: () => void): void => {
        clearTimeout(timer);
        this.waiters.delete(look);
        act();
      };
      const fail = (why: string): void => {
        const tail = this.text.slice(-3000);
        done(() => reject(new Error(`${why}, and ${pattern} was not shown; last:\n${tail}`)));
      };
      const timer = setTimeout(() => fail(`${seconds} s have passed`), seconds * 1000);
      const look = (): void => {
        const match = pattern.exec(this.text.slice(this.from));
        if (match) {
          this.from += match.index + match[0].length;
          done(() => resolve(match));
        } else if (this.closed !== null) fail(this.closed);
      };
      this.waiters.add(look);
      look();
    });
  }
  /** Runs a command of the shell, which shows its prompt; yields its output, in lines that end with \n, and its status. */
  async run(command: string, seconds = 600): Promise<{ output: string; status: number }> {
    // The terminal echoes what is typed, and breaks long lines: that must not look like the marks.
    this.send(`echo "<""begin>"; ${command}; echo "<$?"">"\n`);
    await this.expect(/<begin>\r?\n/, seconds);
    const start = this.from;
    const ended = await this.expect(/<(\d+)>\r?\n/, seconds);
    const output = this.text.slice(start, this.from - ended[0].length);
    // What is typed before the prompt would be echoed twice.
    await this.expect(/# /, seconds);
    return { output: output.replaceAll('\r', ''), status: Number(ended[1]) };
  }
  /** A command's output; throws where its status is not 0. */
  async output(command: string, seconds = 600): Promise<string> {
    const { output, status } = await this.run(command, seconds);
    if (status !== 0) throw new Error(`${command}: status ${status}: ${output}`);
    return output;
  }
}

export class Guest extends Talk {
  readonly child: ChildProcess;
  /** What the command itself said. */
  stderr = '';
  readonly ended: Promise<number | null>;

  /** Runs `trireme qemu` with these arguments, for so many seconds at most: nothing of a test that was ended goes on for ever. */
  constructor(args: readonly string[], seconds = 1200) {
    const line = ['--no-warnings', main, 'qemu', ...args, '--timeout', `${seconds}`];
    const child = spawn(process.execPath, line, { stdio: 'pipe' });
    super((text) => void child.stdin.write(text));
    this.child = child;
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    child.stdin.on('error', () => {});
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => this.shown(chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk;
    });
    this.ended = new Promise((resolve) => {
      child.on('close', (status) => {
        process.off('exit', kill);
        this.close(`the command has ended with status ${status}: ${this.stderr}`);
        resolve(status);
      });
    });
  }
  /** Ends it, if it still runs; for the end of tests. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** A console that `-serial tcp:…,server=on` or `--console NAME=tcp:…` offers. */
export function remote(port: number): Promise<Talk & { readonly socket: Socket }> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const talk = Object.assign(new Talk((text) => void socket.write(text)), { socket });
    socket.setEncoding('utf8').on('data', (chunk) => talk.shown(String(chunk)));
    socket.once('connect', () => resolve(talk)).once('error', reject);
    socket.on('close', () => talk.close('the console is closed'));
  });
}
