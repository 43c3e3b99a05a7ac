/** As much of Telnet as a character-at-a-time terminal needs (RFC 854, 855, 857, 858). */

const IAC = 255;
const [DONT, DO, WONT, WILL, SB, SE] = [254, 253, 252, 251, 250, 240];
const [BINARY, ECHO, SUPPRESS_GO_AHEAD] = [0, 1, 3];

/** What a server says first: it echoes, nobody waits for his turn, and eight bits are eight bits. */
export const GREETING = Uint8Array.of(
  ...[IAC, WILL, ECHO, IAC, WILL, SUPPRESS_GO_AHEAD, IAC, DO, SUPPRESS_GO_AHEAD],
  ...[IAC, WILL, BINARY, IAC, DO, BINARY],
);

/** Data bytes as they go out: 255 is doubled. */
export function escapeTelnet(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(IAC)) return bytes;
  return Uint8Array.from([...bytes].flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte])));
}

/** Separates what a client typed from its commands, and answers offers of options that are not wanted. */
export class TelnetFilter {
  /** What came of a command so far: verb, and whether it is a subnegotiation. */
  private state: 'data' | 'iac' | 'option' | 'sub' | 'sub-iac' | 'cr' = 'data';
  private verb = 0;
  private readonly reply: (bytes: Uint8Array) => void;

  constructor(reply: (bytes: Uint8Array) => void) {
    this.reply = reply;
  }

  /** The data among `bytes`. */
  feed(bytes: Uint8Array): Uint8Array {
    const data: number[] = [];
    for (const byte of bytes) this.byte(byte, data);
    return Uint8Array.from(data);
  }

  private byte(byte: number, data: number[]): void {
    switch (this.state) {
      case 'cr':
        this.state = 'data';
        // The end of a line is CR NUL or CR LF; a terminal's key sends CR.
        if (byte === 0 || byte === 0x0a) return;
        this.byte(byte, data);
        return;
      case 'data':
        if (byte === IAC) this.state = 'iac';
        else {
          data.push(byte);
          if (byte === 0x0d) this.state = 'cr';
        }
        return;
      case 'iac':
        this.state = 'data';
        if (byte === IAC) data.push(IAC);
        else if (byte === SB) this.state = 'sub';
        else if (byte >= WILL && byte <= DONT) {
          this.verb = byte;
          this.state = 'option';
        }
        return;
      case 'option':
        this.state = 'data';
        this.answer(byte);
        return;
      case 'sub':
        if (byte === IAC) this.state = 'sub-iac';
        return;
      case 'sub-iac':
        this.state = byte === SE ? 'data' : 'sub';
    }
  }

  private answer(option: number): void {
    // What was offered in the greeting is agreed; everything else is not done.
    const agreed =
      this.verb === DO || this.verb === DONT ? [BINARY, ECHO, SUPPRESS_GO_AHEAD] : [BINARY, SUPPRESS_GO_AHEAD];
    if (agreed.includes(option)) return;
    if (this.verb === DO) this.reply(Uint8Array.of(IAC, WONT, option));
    else if (this.verb === WILL) this.reply(Uint8Array.of(IAC, DONT, option));
  }
}
