/**
 * Who wrote a byte of a console: the security state and the number of the core that executed the store. One byte beside each
 * byte of output: bits [1:0] security state (`SECURITY` in `core/arch/state.ts`), bits [6:2] core.
 */

/** Security states by their numbers. */
export const WORLDS = ['secure', 'normal', 'root', 'realm'] as const;
export type World = (typeof WORLDS)[number];

/** `security`: 0–3; `core`: 0–31. */
export const consoleTag = (security: number, core: number): number => (security & 3) | ((core & 31) << 2);
/** Bytes that no core wrote: a device of the Non-secure world moved them by itself. */
export const DEVICE_TAG = consoleTag(WORLDS.indexOf('normal'), 0);

export const worldOf = (tag: number): World => WORLDS[tag & 3]!;
export const coreOf = (tag: number): number => (tag >> 2) & 31;
