/** Ctrl+A in front of a key: commands to us, as in QEMU and screen. */

export type KeyCommand = 'quit' | 'help';

const CTRL_A = 0x01;

/** Keys behind Ctrl+A that are ours. `a` sends a Ctrl+A; a Ctrl+A with any other key goes to the guest whole. */
const COMMANDS: Readonly<Record<string, KeyCommand>> = { x: 'quit', '?': 'help' };

export const KEY_HELP = [
  'Ctrl+A x   quit',
  'Ctrl+A a   send a Ctrl+A to the guest',
  'Ctrl+A ?   this help',
  '(Ctrl+A with another key goes to the guest)',
];

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
      if (key === 'a') {
        out.push(CTRL_A);
      } else if (COMMANDS[key]) {
        if (out.length > 0) this.toGuest(Uint8Array.from(out));
        out = [];
        this.command(COMMANDS[key]);
      } else {
        out.push(CTRL_A, byte);
      }
    }
    if (out.length > 0) this.toGuest(Uint8Array.from(out));
  }
}
