/** What a block device stores its sectors in. */

export const SECTOR = 512;

export interface Disk {
  /** Size in bytes, a multiple of 512. */
  readonly bytes: number;
  readonly readonly: boolean;
  /** Discarding gives storage back. */
  readonly discards: boolean;
  // Offsets and lengths are in bytes, within the size. Errors of the host are thrown, as Node's errors of files.
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  zero(offset: number, length: number): void;
  /** What was stored there is no longer needed; reading it then gives anything that the disk once held there, or zeros. */
  discard(offset: number, length: number): void;
  /** Returns when what was written will survive the host's fall. */
  flush(): void;
  close(): void;
}
