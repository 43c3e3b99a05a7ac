/** What devices are to a machine: registers behind physical addresses, interrupt outputs, requesters of memory. */

/** Physical address spaces, numbered as security states are (`SECURITY` in `core/arch/state.ts`). */
export const PAS = { secure: 0, nonSecure: 1, root: 2, realm: 3 } as const;
export type Pas = 0 | 1 | 2 | 3;
/** Bit n: address space n. */
export type PasSet = number;
export const EVERY_PAS: PasSet = 15;
/** Machines have two address spaces in their wiring: Root accesses go the Secure way, Realm accesses the Non-secure one. */
export const SECURE_SIDE: PasSet = (1 << PAS.secure) | (1 << PAS.root);
export const NON_SECURE_SIDE: PasSet = (1 << PAS.nonSecure) | (1 << PAS.realm);

/**
 * A range of physical addresses with registers. All threads of a system have their own instance of each device, over state in
 * shared memory. The bus lets one access at a time into devices; one that has `ownLock` sees to that itself.
 */
export interface Device {
  /** Reads `size` bytes (1, 2, 4; 8 with `readWide`) at `offset`. 32-bit values may be signed or not. */
  read(offset: number, size: number, pas: Pas): number;
  write(offset: number, value: number, size: number, pas: Pas): void;
  /** 8-byte accesses, [low, high], for devices that have them; others see two of 4 bytes. */
  readWide?(offset: number, pas: Pas): readonly [number, number];
  writeWide?(offset: number, low: number, high: number, pas: Pas): void;
  /** State as at power-on; called by one thread while no core runs. */
  reset?(): void;
  readonly ownLock?: boolean;
}

/** An interrupt output of a device: called with its new level when that changes. Lock order: device, then interrupt controller. */
export type InterruptLine = (level: boolean) => void;

/** Physical memory as a requester other than a core sees it (DMA). */
export interface GuestMemory {
  /** A copy of `length` bytes, or null where any of them is not RAM that the requester may read. */
  read(address: number, length: number): Uint8Array | null;
  /** False where any byte is not RAM that the requester may write; then none was. */
  write(address: number, bytes: Uint8Array): boolean;
  /** The bytes themselves, in shared memory, where that is possible; null does not mean that `read` fails. */
  view(address: number, length: number): Uint8Array | null;
}
