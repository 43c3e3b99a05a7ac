/** A host with fake systems, and faces on it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { HostEvents, Method, Params, Result, ToFace } from '../../core/host/api.ts';
import { Host } from '../../core/host/host.ts';
import { connectInProcess } from '../../core/host/in-process.ts';
import type { Observation } from '../../core/host/observation.ts';
import type { QemuProgram } from '../../core/host/qemu/program.ts';
import type { ConsoleInfo } from '../../core/system/api.ts';
import { buildElf } from '../support/elf-builder.ts';
import { FakeSystem } from '../support/fake-system.ts';

export interface TestHost {
  readonly host: Host;
  readonly folder: string;
  readonly log: string[];
  readonly systems: FakeSystem[];
  /** A program that the bare machine loads. */
  readonly program: string;
}

export interface TestHostOptions {
  readonly observe?: () => Observation;
  /** Of each system; default: one UART. */
  readonly consoles?: readonly ConsoleInfo[];
  readonly qemu?: () => Promise<QemuProgram | null>;
  readonly prepare?: (threads: number) => Promise<void>;
}

export function testHost({ observe, consoles, qemu, prepare }: TestHostOptions = {}): TestHost {
  const folder = mkdtempSync(join(tmpdir(), 'trireme-host-'));
  const program = join(folder, 'prog.elf');
  writeFileSync(program, buildElf({ segments: [{ address: 0x40000000, bytes: new Uint8Array(64) }] }));
  for (const name of ['built-in', 'own']) mkdirSync(join(folder, name));
  const log: string[] = [];
  const systems: FakeSystem[] = [];
  const host = new Host({
    place: 'server',
    folders: [folder],
    presets: { builtIn: join(folder, 'built-in'), own: join(folder, 'own') },
    log: (line) => log.push(line),
    parts: {
      createSystem: async () => async (config) => {
        const system = new FakeSystem({ cores: config.machine.cores });
        if (consoles) Object.assign(system, { consoles });
        systems.push(system);
        return system;
      },
      disassembler: async () => (word) => `.inst ${word}`,
      describe: async () => ['core 0: wild'],
      observe,
      qemu,
      prepare,
      configureVirt: async (launch) => new FakeSystem({ cores: launch.cores }).config,
    },
  });
  onTestFinished(async () => {
    await host.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { host, folder, log, systems, program };
}

/** A face within the process. */
export class Face {
  readonly events: { [E in keyof HostEvents]?: HostEvents[E][] } = {};
  readonly closed: string[] = [];
  private readonly wire: { send(message: string): void; close(): void };
  private readonly waiting = new Map<number, (message: ToFace) => void>();
  private nextId = 1;

  constructor(host: Host) {
    const take = (message: ToFace): void => {
      if ('event' in message) {
        const list = (this.events[message.event] ??= []) as unknown[];
        list.push(message.data);
        return;
      }
      this.waiting.get(message.id)?.(message);
      this.waiting.delete(message.id);
    };
    this.wire = connectInProcess(host, take, (reason) => this.closed.push(reason));
  }
  raw(message: string): void {
    this.wire.send(message);
  }
  leave(): void {
    this.wire.close();
  }
  /** The answer as it came. */
  answer(method: string, params: unknown): Promise<{ result?: unknown; error?: { code: string; message: string } }> {
    const id = this.nextId++;
    const answer = new Promise<ToFace>((resolve) => this.waiting.set(id, resolve));
    this.raw(JSON.stringify({ id, method, params }));
    return answer as Promise<{ result?: unknown; error?: { code: string; message: string } }>;
  }
  async ask<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const { result, error } = await this.answer(method, params);
    if (error) throw new Error(`${error.code}: ${error.message}`);
    return result as Result<M>;
  }
  /** Starts the bare machine; yields the run. */
  async start(program: string, more: Record<string, unknown> = {}): Promise<string> {
    const launch = { machine: { type: 'bare' }, kernel: program, ...more };
    return (await this.ask('launch.start', { launch, preset: null, name: 'test', on: 'trireme', paused: false })).run;
  }
  /** Console bytes that have come, as text. */
  text(): string {
    return (this.events.console ?? []).map((e) => Buffer.from(e.bytes).toString('latin1')).join('');
  }
}

export async function until(what: () => boolean, limit = 5000): Promise<void> {
  for (const end = Date.now() + limit; !what(); ) {
    if (Date.now() > end) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
