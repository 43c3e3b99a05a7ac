/** The files and guests of one test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Guest } from './guest.ts';
import { alarms } from './machine.ts';

/** A folder for a guest's files, which is removed when the guest has ended. */
export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), 'trireme-boot-'));
  private readonly guests: Guest[] = [];

  file(name: string, content: Uint8Array | string): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }
  start(args: readonly string[], seconds?: number): Guest {
    const guest = new Guest(args, seconds);
    this.guests.push(guest);
    return guest;
  }
  /** What guests' kernels said that is wrong. */
  alarms(): string[] {
    return this.guests.flatMap(({ text }) => alarms(text));
  }
  async end(): Promise<void> {
    for (const guest of this.guests) await guest.kill();
    rmSync(this.folder, { recursive: true });
  }
}

/** A test's body, in a scene. */
export const staged = (body: (scene: Scene) => Promise<void>) => async () => {
  const scene = new Scene();
  try {
    await body(scene);
  } catch (error) {
    // Often the reason, and not where the test looked.
    const said = scene.alarms();
    if (said.length > 0 && error instanceof Error) error.message += `\nThe kernel says:\n${said.join('\n')}`;
    throw error;
  } finally {
    await scene.end();
  }
};
