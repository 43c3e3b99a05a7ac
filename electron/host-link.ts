/** The host's process, from the main process: started when it is first needed, and again after it has ended. */
import type { MessagePortMain, UtilityProcess } from 'electron/main';
import * as v from 'valibot';
import type { ElectronApi } from './electron-api.ts';
import { fromHostSchema, type HostSetup, type ToHost } from './host-messages.ts';

export interface HostLinkOptions {
  /** The process's module. */
  readonly module: string;
  readonly setup: HostSetup;
  log(line: string): void;
  /** The process has ended, and every machine with it. */
  ended(reason: string): void;
}

export class HostLink {
  private readonly electron: ElectronApi;
  private readonly options: HostLinkOptions;
  private child: UtilityProcess | null = null;
  private readonly questions = new Map<number, (problem: string | null) => void>();
  private nextQuestion = 1;
  private fatal: string | null = null;
  private ending = false;
  /** Machines that are on. */
  live = 0;

  constructor(electron: ElectronApi, options: HostLinkOptions) {
    this.electron = electron;
    this.options = options;
  }

  private start(): UtilityProcess {
    const child = this.electron.utilityProcess.fork(this.options.module, [], {
      serviceName: 'Trireme host',
      stdio: 'inherit',
    });
    this.child = child;
    this.fatal = null;
    child.on('message', (message) => this.told(message));
    child.on('exit', (code) => this.exited(child, code));
    this.send(child, this.options.setup);
    return child;
  }
  private send(child: UtilityProcess, message: ToHost, ports: MessagePortMain[] = []): void {
    child.postMessage(message, ports);
  }

  private told(message: unknown): void {
    const parsed = v.safeParse(fromHostSchema, message);
    if (!parsed.success) {
      this.options.log('refused: a message of the host’s process is none of ours');
      return;
    }
    const told = parsed.output;
    switch (told.kind) {
      case 'log':
        this.options.log(told.line);
        return;
      case 'live':
        this.live = told.count;
        return;
      case 'fatal':
        this.fatal = told.message;
        return;
      case 'chosen':
        this.questions.get(told.question)?.(told.problem);
        this.questions.delete(told.question);
    }
  }
  private exited(child: UtilityProcess, code: number): void {
    if (this.child !== child) return;
    this.child = null;
    this.live = 0;
    for (const answer of this.questions.values()) answer('the emulator’s process has ended');
    this.questions.clear();
    if (this.ending) return;
    const why = this.fatal ?? `status ${code}`;
    this.options.log(`the host’s process has ended: ${why}`);
    this.options.ended(`The emulator’s process has ended (${why}), and every machine with it. It is started anew.`);
  }

  /** Gives a window its port. */
  addFace(port: MessagePortMain): void {
    this.send(this.child ?? this.start(), { kind: 'face' }, [port]);
  }
  /** Lets faces use a path; yields what is wrong with it, or null. */
  choose(path: string): Promise<string | null> {
    const question = this.nextQuestion++;
    const child = this.child ?? this.start();
    return new Promise((resolve) => {
      this.questions.set(question, resolve);
      this.send(child, { kind: 'choose', question, path });
    });
  }
  /** Ends the process; its end is no news then. */
  end(): void {
    this.ending = true;
    this.child?.kill();
  }
}
