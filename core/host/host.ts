/** The host module: runs, presets and files behind one interface. Faces come through `connect`. */
import { join } from 'node:path';
import { cpuModels } from '../arch/features.ts';
import type { Disassemble } from '../cli/report.ts';
import type { CreateSystem, System, SystemConfig, SystemExit } from '../system/api.ts';
import { API_VERSION, type Carrier, type HostEvent, type HostEvents, type Params } from './api.ts';
import { commandsOf } from './command-lines.ts';
import { checkDraft, configureBare, filesOf, isBare, withFiles } from './configure.ts';
import { HostError } from './errors.ts';
import { HostFiles } from './files.ts';
import { type HostRun, mecOf, type RunListener } from './host-run.ts';
import { coreOf, describeRegisters, instructionsAround, readRegisters, regionsOf, writeRegister } from './inspect.ts';
import type { AnyLaunch } from './launch.ts';
import type { Observation } from './observation.ts';
import { Presets, presetFolder } from './presets.ts';
import type { QemuProgram } from './qemu/program.ts';
import { QemuRun } from './qemu/run.ts';
import { Run } from './run.ts';
import { type Handlers, Session, type SessionHost } from './session.ts';
import { lineOf } from './timeline.ts';

const STATUS_INTERVAL = 250;
/** Milliseconds without changes of the draft after which its machine is prepared: the face's own questions come first. */
const IDLE = 200;
/** Runs that are kept, and those of them whose memory is kept after their end. */
const KEPT_RUNS = 16;
const KEPT_MEMORIES = 2;
const LIVE_RUNS = 4;

const root = join(import.meta.dirname, '..', '..');

/** What is loaded when it is first needed. */
export interface HostParts {
  createSystem(): Promise<CreateSystem>;
  disassembler(): Promise<Disassemble>;
  describe(system: System, exit: SystemExit): Promise<readonly string[]>;
  /** Configuration of a machine `virt`; null where it cannot be had yet. */
  configureVirt?: (
    launch: Exclude<AnyLaunch, { machine: { type: 'bare' } }>,
    files: HostFiles,
  ) => Promise<SystemConfig>;
  observe?: (system: System) => Observation;
  /** Loads what the next machine needs, whose cores run on so many threads, so that it starts at once. */
  prepare?: (threads: number) => Promise<void>;
  /** Gives up what was prepared. */
  close?: () => Promise<void>;
  /** The installed QEMU. */
  qemu?: () => Promise<QemuProgram | null>;
}

const NO_GRANULES = 'this machine has no granule protection table: it has no RME';
/** Physical addresses have 52 bits at most (FEAT_LPA). */
const PHYSICAL_END = 1n << 52n;
function physical(address: string): bigint {
  const value = BigInt(address);
  if (value > PHYSICAL_END) throw new HostError('user', 'there are no physical addresses of more than 52 bits');
  return value;
}

type StartParams = Omit<Params<'launch.start'>, 'launch'> & { readonly launch: AnyLaunch };
type Who = { readonly id: string; readonly name: string; readonly preset: string | null; readonly launch: AnyLaunch };

export interface HostOptions {
  readonly place: 'local' | 'server';
  /** Folders whose files faces may name. */
  readonly folders: readonly string[];
  readonly presets?: { readonly builtIn: string; readonly own: string };
  log(line: string): void;
  readonly parts: HostParts;
  /** Guests come after other work: somebody sits at this machine. */
  readonly background?: boolean;
  /** Called with the number of machines that are on, when it changes. */
  readonly onLive?: (count: number) => void;
}

export class Host implements SessionHost {
  readonly files: HostFiles;
  readonly handlers: Handlers;
  private readonly options: HostOptions;
  private readonly presets: Presets;
  private readonly sessions = new Set<Session>();
  private readonly runs = new Map<string, HostRun>();
  private timer: NodeJS.Timeout | null = null;
  /** Threads of the machine that would be started next. */
  private threads = 0;
  private preparing: NodeJS.Timeout | null = null;
  private nextRun = 1;
  private foundQemu: Promise<QemuProgram | null> | null = null;

  constructor(options: HostOptions) {
    this.options = options;
    this.files = new HostFiles(options.folders);
    const { builtIn, own } = options.presets ?? { builtIn: join(root, 'resources', 'presets'), own: presetFolder() };
    this.presets = new Presets(builtIn, own, options.log);
    this.handlers = this.makeHandlers();
    // What a preset on this machine names was chosen when it was saved.
    for (const { launch } of this.presets.list()) this.chooseFiles(launch);
  }

  /** A face has come; hand its messages to `receive`, and call `gone` when it has left. */
  connect(carrier: Carrier): Session {
    const session = new Session(this, carrier);
    this.sessions.add(session);
    this.timer ??= setInterval(() => this.tell(), STATUS_INTERVAL);
    return session;
  }
  /** Makes ready for the next machine, unless one runs: that would lose what this takes. */
  private prepare(): void {
    if (this.preparing) clearTimeout(this.preparing);
    this.preparing = setTimeout(() => {
      // What cannot be loaded is told by who needs it.
      if (this.live === 0 && this.threads > 0) this.options.parts.prepare?.(this.threads).catch(() => {});
    }, IDLE).unref();
  }
  closed(session: Session): void {
    this.sessions.delete(session);
    if (this.sessions.size > 0 || !this.timer) return;
    clearInterval(this.timer);
    this.timer = null;
  }
  log(line: string): void {
    this.options.log(line);
  }

  /** Ends everything. */
  async close(): Promise<void> {
    for (const session of [...this.sessions]) session.close('the host ends');
    if (this.preparing) clearTimeout(this.preparing);
    await Promise.all([...this.runs.values()].map((run) => run.giveUp()));
    await this.options.parts.close?.();
    this.files.close();
  }

  private emit<E extends HostEvent>(event: E, data: HostEvents[E]): void {
    for (const session of this.sessions) session.emit(event, data);
  }
  private tell(): void {
    const ready = [...this.sessions].filter((session) => session.beat());
    if (ready.length === 0) return;
    for (const run of this.runs.values()) {
      if (run.hasEnded) continue;
      const status = run.status();
      for (const session of ready) session.emit('status', status);
    }
  }
  private chooseFiles(launch: AnyLaunch): void {
    for (const [, path] of filesOf(launch)) {
      try {
        this.files.choose(path);
      } catch {
        // It is gone: the launch panel says so.
      }
    }
  }
  private run(id: string): HostRun {
    const run = this.runs.get(id);
    if (!run) throw new HostError('missing', `there is no run ${id}`);
    return run;
  }
  private consoleOf(runId: string, id: string) {
    const run = this.run(runId);
    const console = run.consoles.find(id);
    if (!console) throw new HostError('missing', `run ${runId} has no console ${id}`);
    return { run, console };
  }
  private get live(): number {
    return [...this.runs.values()].filter((r) => !r.hasEnded).length;
  }
  /** A part of what watches the run. */
  private watched<K extends keyof Observation>(run: string, part: K, what: string): NonNullable<Observation[K]> {
    const found = this.run(run).observation?.[part];
    if (!found) throw new HostError('unavailable', what);
    return found as NonNullable<Observation[K]>;
  }

  private async start(what: StartParams): Promise<string> {
    const { launch, name, preset, on, paused } = what;
    if (this.live >= LIVE_RUNS) throw new HostError('state', `${LIVE_RUNS} machines are running: power one off first`);
    const id = `r${this.nextRun++}`;
    const who = { id, name, preset, launch };
    const listener: RunListener = {
      changed: (changed) => {
        this.emit('run', { id, run: changed.summary() });
        this.emit('status', changed.status());
        this.options.onLive?.(this.live);
        if (changed.hasEnded) {
          this.forgetSome();
          this.prepare();
        }
      },
      output: () => {
        for (const session of this.sessions) session.outputCame();
      },
    };
    const run = await (on === 'qemu' ? this.onQemu(who, listener) : this.onEngine(who, listener));
    this.runs.set(id, run);
    this.options.onLive?.(this.live);
    this.emit('run', { id, run: run.summary() });
    try {
      await run.start(paused);
    } catch (error) {
      await this.closeRun(run);
      throw error;
    }
    return id;
  }
  private async onEngine(who: Who, listener: RunListener): Promise<HostRun> {
    const { parts } = this.options;
    const config = await this.configure(who.launch);
    const system = await (await parts.createSystem())({ ...config, background: this.options.background ?? false });
    const { observe, describe } = parts;
    return new Run(system, { ...who, observe, describe, say: (line) => this.log(line) }, listener);
  }
  private async onQemu(who: Who, listener: RunListener): Promise<HostRun> {
    const program = await this.qemu();
    if (!program) throw new HostError('unavailable', 'qemu-system-aarch64 is not installed, or not in PATH');
    if (mecOf(who.launch)?.enabled) {
      throw new HostError('user', 'no QEMU has encryption contexts: switch MEC off to run this machine on QEMU');
    }
    const checked = withFiles(who.launch, (path) => this.files.check(path));
    return new QemuRun({ ...who, launch: checked, program }, listener);
  }
  /** The installed QEMU, looked for once. */
  private qemu(): Promise<QemuProgram | null> {
    this.foundQemu ??= (this.options.parts.qemu ?? (async () => null))();
    return this.foundQemu;
  }

  private configure(launch: AnyLaunch): Promise<SystemConfig> | SystemConfig {
    if (isBare(launch)) return configureBare(launch, this.files);
    const { configureVirt } = this.options.parts;
    if (!configureVirt) throw new HostError('unavailable', 'the machine virt cannot be started here yet');
    return configureVirt(launch, this.files);
  }

  private forgetSome(): void {
    const ended = [...this.runs.values()].filter((r) => r.hasEnded);
    const memories = ended.filter((r) => r.hasSystem);
    for (const run of memories.slice(0, Math.max(0, memories.length - KEPT_MEMORIES))) {
      void run.giveUp().then(() => this.emit('run', { id: run.id, run: run.summary() }));
    }
    for (const run of ended.slice(0, Math.max(0, ended.length - KEPT_RUNS))) void this.closeRun(run);
  }
  private async closeRun(run: HostRun): Promise<void> {
    this.runs.delete(run.id);
    for (const session of this.sessions) session.forget(run.id);
    this.emit('run', { id: run.id, run: null });
    await run.giveUp();
    this.options.onLive?.(this.live);
  }

  /** A checked launch, or an error that names the first problem. */
  private checked(draft: unknown): AnyLaunch {
    const { launch, problems } = checkDraft(draft, this.files);
    if (launch) return launch;
    const { field, message } = problems[0]!;
    throw new HostError('user', field ? `${field}: ${message}` : message);
  }

  private makeHandlers(): Handlers {
    const { parts } = this.options;
    const nothing = {};
    return {
      hello: async () => ({
        ...{ version: API_VERSION, product: 'Trireme', place: this.options.place },
        qemu: (await this.qemu())?.version ?? null,
        cpus: cpuModels.map((m) => m.name),
      }),
      'presets.list': () => ({ presets: this.presets.list() }),
      'presets.save': ({ id, name, description, launch }) => {
        const preset = this.presets.save(id, { name, description, launch: this.checked(launch) });
        this.emit('presets', nothing);
        return { preset };
      },
      'presets.remove': ({ id }) => {
        this.presets.remove(id);
        this.emit('presets', nothing);
        return nothing;
      },
      'launch.check': ({ launch: draft }) => {
        const { launch, problems } = checkDraft(draft, this.files);
        if (launch) {
          this.threads = launch.deterministic ? 1 : launch.cores;
          this.prepare();
        }
        return { problems, commands: launch ? commandsOf(launch) : { trireme: null, qemu: null } };
      },
      'launch.start': async ({ launch, ...rest }) => ({
        run: await this.start({ ...rest, launch: this.checked(launch) }),
      }),
      'files.list': ({ path }) => this.files.list(path),
      'files.upload': ({ upload, name, offset, bytes, last }) => {
        const [id, path] = this.files.upload(upload, name, offset, Buffer.from(bytes, 'base64'), last);
        return { upload: id, path };
      },
      'runs.list': () => ({ runs: [...this.runs.values()].map((r) => r.summary()) }),
      'run.control': async ({ run, action }) => {
        if (action === 'close') await this.closeRun(this.run(run));
        else await this.run(run).control(action);
        return nothing;
      },
      'run.step': ({ run, core }) => {
        this.run(run).step(core);
        return nothing;
      },
      'run.breakpoints': ({ run, addresses }) => {
        this.run(run).setBreakpoints(addresses.map(BigInt));
        return nothing;
      },
      'console.attach': ({ run, console, from }, session) => {
        const found = this.consoleOf(run, console);
        return { from: session.attach(found.run, found.console, from), end: found.console.history.end };
      },
      'console.detach': ({ run, console }, session) => {
        session.detach(run, console);
        return nothing;
      },
      'console.ack': ({ run, console, offset }, session) => {
        session.drawn(run, console, offset);
        return nothing;
      },
      'console.input': ({ run, console: id, bytes }) => {
        const { run: found, console } = this.consoleOf(run, id);
        found.type(console, Buffer.from(bytes, 'base64'));
        return nothing;
      },
      'console.lines': ({ run, console: id, first, count }) => {
        const { console } = this.consoleOf(run, id);
        const { history } = console;
        const from = Math.max(first, history.firstLine);
        const to = Math.min(from + count, history.lineCount);
        const lines = Array.from({ length: Math.max(0, to - from) }, (_, n) => lineOf(console, from + n));
        return { first: from, total: history.lineCount, lines };
      },
      'timeline.lines': ({ run, first, count }) => this.run(run).timeline.read(first, count),
      'registers.describe': () => ({ registers: describeRegisters() }),
      'registers.read': ({ run, core }) => readRegisters(coreOf(this.run(run).still(), core)),
      'registers.write': ({ run, core, name, value }) => {
        const found = this.run(run);
        if (found.hasEnded) throw new HostError('state', 'this run has ended');
        if (!writeRegister(coreOf(found.still(), core), name, BigInt(value))) {
          throw new HostError('missing', `core ${core} has no register ${name}`);
        }
        return nothing;
      },
      'memory.regions': ({ run }) => ({ regions: regionsOf(this.run(run).inspect()) }),
      'memory.read': ({ run, address, length, via, as }) => {
        const found = this.run(run);
        if (as) {
          const readAs = this.watched(
            run,
            'readAs',
            'this machine has one view of its memory: there are no granule protection checks and no encryption contexts',
          );
          const { bytes, encrypted } = readAs(BigInt(address), length, as.pas, as.mecid);
          return { bytes: Buffer.from(bytes).toString('base64'), encrypted };
        }
        if (via !== null) coreOf(found.still(), via);
        const bytes = found.inspect().readMemory(BigInt(address), length, via ?? undefined);
        return { bytes: Buffer.from(bytes).toString('base64'), encrypted: false };
      },
      disassemble: async ({ run, core: index, address, before, after }) => {
        const system = this.run(run).still();
        const core = coreOf(system, index);
        const centre = address === null ? core.pc : BigInt(address);
        const text = await parts.disassembler();
        const instructions = instructionsAround(system, core, centre, before, after, text);
        return { pc: `0x${core.pc.toString(16)}`, instructions };
      },
      'worlds.timeline': ({ run, from, to, limit }) =>
        this.watched(run, 'worlds', 'nothing records the switches between worlds of this machine')(from, to, limit),
      'realms.list': ({ run }) => ({
        realms: this.watched(run, 'realms', 'nothing follows realms on this machine: it has no RME')(),
      }),
      'realms.detail': ({ run, rd }) => {
        const detail = this.watched(run, 'realm', 'nothing follows realms on this machine: it has no RME')(BigInt(rd));
        if (!detail) throw new HostError('missing', `there is no realm ${rd}`);
        return detail;
      },
      'granules.map': ({ run, from, to, buckets }) => {
        const granules = this.watched(run, 'granules', NO_GRANULES);
        const [first, end] = [physical(from), physical(to)];
        if (first >= end) throw new HostError('user', 'the map would end before it begins');
        return granules(first, end, buckets);
      },
      'granules.inspect': ({ run, address }) => this.watched(run, 'granule', NO_GRANULES)(physical(address)),
      'calls.read': ({ run, first, count, filter }) =>
        this.watched(run, 'calls', 'nothing records SMC, RMI, RSI and PSCI calls of this machine')(
          first,
          count,
          filter,
        ),
      'faults.read': ({ run }) => ({
        faults: this.watched(run, 'faults', 'this machine has no granule protection: it has no RME')(),
      }),
      'translation.walk': ({ run, core, address, regime }) => {
        const walk = this.watched(run, 'walk', 'walks cannot be explained on this machine yet');
        coreOf(this.run(run).still(), core);
        return walk(core, BigInt(address), regime);
      },
    };
  }
}
