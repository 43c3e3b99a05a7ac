/** The file of a flash memory that is to keep what the guest programs. */
import * as fs from 'node:fs';
import type { FlashFileConfig } from './api.ts';
import { fileReason, UserError } from './errors.ts';

/** Bytes compared, and written, at once: a block of the flash. */
const BLOCK = 1 << 18;

export class FlashFile {
  private readonly file: string;
  private readonly fd: number;
  private readonly flash: Uint8Array;
  private before: Buffer | null;

  /** Throws UserError where the file cannot be written. `flash`: the memory, before images are loaded. */
  constructor({ file }: FlashFileConfig, flash: Uint8Array) {
    this.file = file;
    this.flash = flash;
    try {
      this.fd = fs.openSync(file, 'r+');
      this.before = fs.readFileSync(file);
    } catch (error) {
      throw new UserError(`cannot write the flash image ${file}: ${fileReason(error)}`);
    }
  }
  /** Writes the blocks that are not as they were, once; to be called when the system has ended. Yields what went wrong, or null. */
  save(): string | null {
    const { before, flash } = this;
    this.before = null;
    if (!before) return null;
    try {
      for (let at = 0; at < flash.length; at += BLOCK) {
        const now = Buffer.from(flash.slice(at, at + BLOCK));
        if (!now.equals(before.subarray(at, at + BLOCK))) fs.writeSync(this.fd, now, 0, now.length, at);
      }
      fs.closeSync(this.fd);
      return null;
    } catch (error) {
      return `cannot write the flash image ${this.file}: ${fileReason(error)}`;
    }
  }
}
