/** The files and guests of one test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Guest } from './guest.ts';

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
  } finally {
    await scene.end();
  }
};
