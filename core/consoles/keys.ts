/** Ctrl+A in front of a key: commands to us, as in QEMU and screen. */

export type KeyCommand =
  | { readonly do: 'quit' | 'help' | 'next' | 'previous' | 'monitor' }
  | { readonly do: 'show'; readonly number: number };

const CTRL_A = 0x01;

/** Keys behind Ctrl+A that are ours, with their help. `a` and all others are handled below. */
const KEYS: readonly { readonly keys: string; readonly help: string; command(key: string): KeyCommand }[] = [
  {
    keys: '0123456789',
    help: 'show console 1 to 9; 0 shows all',
    command: (key) => ({ do: 'show', number: Number(key) }),
  },
  { keys: 'n', help: 'show the next console', command: () => ({ do: 'next' }) },
  { keys: 'p', help: 'show the previous console', command: () => ({ do: 'previous' }) },
  { keys: 'c', help: 'monitor, and back', command: () => ({ do: 'monitor' }) },
  { keys: 'x', help: 'quit', command: () => ({ do: 'quit' }) },
  { keys: '?', help: 'this help', command: () => ({ do: 'help' }) },
];

export const KEY_HELP: readonly string[] = [
  ...KEYS.map(({ keys, help }) => `Ctrl+A ${(keys.length > 1 ? `${keys[0]}…${keys.at(-1)}` : keys).padEnd(4)}${help}`),
  'Ctrl+A a   send a Ctrl+A to the guest',
  '(Ctrl+A with another key goes to the guest)',
];

/** Finds our keys in what is typed, however it is cut into pieces. */
export class KeyFilter {
  private afterPrefix = false;
  private readonly toGuest: (bytes: Uint8Array) => void;
  private readonly command: (command: KeyCommand) => void;

  constructor(toGuest: (bytes: Uint8Array) => void, command: (command: KeyCommand) => void) {
    this.toGuest = toGuest;
    this.command = command;
  }

  feed(bytes: Uint8Array): void {
    let out: number[] = [];
    for (const byte of bytes) {
      if (!this.afterPrefix) {
        if (byte === CTRL_A) this.afterPrefix = true;
        else out.push(byte);
        continue;
      }
      this.afterPrefix = false;
      const key = String.fromCharCode(byte);
      const ours = KEYS.find(({ keys }) => keys.includes(key));
      if (ours) {
        if (out.length > 0) this.toGuest(Uint8Array.from(out));
        out = [];
        this.command(ours.command(key));
      } else if (key === 'a') out.push(CTRL_A);
      else out.push(CTRL_A, byte);
    }
    if (out.length > 0) this.toGuest(Uint8Array.from(out));
  }
}
