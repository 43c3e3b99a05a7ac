/**
 * A console of a run in this window: its terminal, which outlives the panels that show it, and the flow of bytes both ways.
 *
 * What a guest shows is not to be trusted: it cannot reach the clipboard, the window's title or size, open a link by itself, or make
 * the terminal type anything but the few answers that programs ask terminals for.
 */
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { SerializeAddon } from '@xterm/addon-serialize';
import { UnicodeGraphemesAddon } from '@xterm/addon-unicode-graphemes';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { WebglAddon } from '@xterm/addon-webgl';
import { Terminal } from '@xterm/xterm';
import { CONSOLE_CHUNK, type ConsoleOutput } from '../../../core/host/api.ts';
import { HISTORY_LINES } from '../../../core/host/limits.ts';
import type { Client } from '../../api/client.ts';
import { toBase64 } from '../../state/base64.ts';
import { Drawing } from './drawing.ts';
import { drawsByGpu } from './gpu.ts';

/** Bytes drawn after which the host is told: well under its window. */
const ACK_EVERY = 128 << 10;
/** Bytes that the terminal reads without a look at the clock: well under a millisecond. */
const PIECE = 8 << 10;
/** Milliseconds of reading after which others have their turn. */
const SLICE = 4;

export interface SessionEnvironment {
  readonly client: Client;
  /** True when the key is the workbench's, and not the guest's. */
  readonly takesKey: (event: KeyboardEvent) => boolean;
  /** Ctrl+A with a key behind it; false: both are the guest's. */
  readonly prefixed: (key: string) => boolean;
  /** Asks the user, and opens the address if so. */
  readonly openLink: (url: string) => void;
  /** Yields true when the text may be pasted. */
  readonly mayPaste: (text: string) => Promise<boolean>;
  readonly failed: (error: unknown) => void;
}

export interface SearchResult {
  readonly index: number;
  readonly count: number;
}

export class ConsoleSession {
  readonly run: string;
  readonly console: string;
  readonly terminal: Terminal;
  /** Holds the terminal; a panel takes it in while it shows this console. */
  readonly element = document.createElement('div');
  found: SearchResult | null = $state.raw(null);
  /** Bytes up to here are to be seen. */
  shown = $state(0);
  ended = $state(false);
  /** Its panel shows a field to search by. */
  searches = $state(false);
  private readonly environment: SessionEnvironment;
  private readonly fitting = new FitAddon();
  private readonly searching = new SearchAddon();
  private readonly serializing = new SerializeAddon();
  private readonly stopListening: () => void;
  private opened = false;
  private drawing: Drawing | null = null;
  /** Bytes up to here have come to this window. */
  private received = 0;
  private acked = 0;
  private drawn = 0;
  private liveFrom = 0;
  private prefix = false;
  /** What the terminal has not been given yet. */
  private pieces: { readonly bytes: Uint8Array; readonly end: number }[] = [];
  private reading = false;
  /** More is on its way. */
  private expecting = false;
  private input: Uint8Array[] = [];
  private sending = false;

  constructor(
    run: string,
    console: string,
    environment: SessionEnvironment,
    look: { fontSize: number; fontFamily: string },
  ) {
    this.run = run;
    this.console = console;
    this.environment = environment;
    this.element.className = 'terminal-holder';
    this.terminal = new Terminal({
      ...look,
      allowProposedApi: true,
      scrollback: HISTORY_LINES,
      minimumContrastRatio: 4.5,
      macOptionIsMeta: true,
      rightClickSelectsWord: true,
      cursorBlink: false,
      // Links that the guest names (OSC 8) and addresses in the text go the same way.
      linkHandler: { activate: (_event, url) => environment.openLink(url), allowNonHttpProtocols: false },
    });
    const { terminal } = this;
    for (const addon of [this.fitting, this.searching, this.serializing]) terminal.loadAddon(addon);
    terminal.loadAddon(new UnicodeGraphemesAddon());
    terminal.loadAddon(new WebLinksAddon((_event, url) => environment.openLink(url)));
    this.searching.onDidChangeResults(({ resultIndex, resultCount }) => {
      this.found = { index: resultIndex, count: resultCount };
    });
    this.answerWithCare();
    terminal.attachCustomKeyEventHandler((event) => this.key(event));
    terminal.onData((text) => this.type(new TextEncoder().encode(text)));
    terminal.onBinary((text) => this.type(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    this.stopListening = environment.client.on('console', (event) => {
      if (event.run === run && event.console === console) this.take(event);
    });
  }

  /** Begins, or begins anew after a lost connection: goes on behind what was received. */
  async attach(): Promise<void> {
    const { run, console } = this;
    const from = this.received === 0 ? -1 : this.received;
    const answer = await this.environment.client.request('console.attach', { run, console, from });
    this.liveFrom = answer.end;
    this.acked = this.drawn = answer.from;
  }

  private take({ offset, bytes, more }: ConsoleOutput): void {
    this.received = offset + bytes.length;
    this.expecting = more;
    for (let at = 0; at < bytes.length; at += PIECE) {
      const piece = bytes.subarray(at, at + PIECE);
      this.pieces.push({ bytes: piece, end: offset + at + piece.length });
    }
    if (!this.reading) this.read();
  }
  /** Gives the terminal piece after piece. It would go on for 12 ms by itself. */
  private read(since = Number.POSITIVE_INFINITY): void {
    const piece = this.pieces.shift();
    this.reading = piece !== undefined;
    if (!piece) {
      this.shown = this.drawn;
      if (!this.expecting) this.drawing?.release();
      return;
    }
    this.drawing?.hold();
    this.terminal.write(piece.bytes, () => {
      this.wasDrawn(piece.end);
      const now = performance.now();
      if (now - since < SLICE) this.read(Math.min(since, now));
      else setTimeout(() => this.read());
    });
  }
  private wasDrawn(end: number): void {
    this.drawn = end;
    if (this.drawn - this.acked < ACK_EVERY) return;
    this.acked = this.drawn;
    const { run, console } = this;
    this.environment.client.request('console.ack', { run, console, offset: this.acked }).catch(() => {});
  }

  /**
   * Programs ask a terminal what it is and where its cursor stands. Only the window that the user works in answers, and only to what
   * was shown just now: otherwise each window, and each reload, would type an answer into the guest.
   */
  private answerWithCare(): void {
    const { parser } = this.terminal;
    const swallow = (): boolean => !(this.drawn >= this.liveFrom && document.hasFocus()) || this.ended;
    for (const id of [
      { final: 'c' },
      { prefix: '>', final: 'c' },
      { final: 'n' },
      { prefix: '?', final: 'n' },
      { prefix: '?', intermediates: '$', final: 'p' },
      { intermediates: '$', final: 'p' },
    ]) {
      parser.registerCsiHandler(id, swallow);
    }
    for (const code of [4, 10, 11, 12]) parser.registerOscHandler(code, (data) => data.includes('?') || swallow());
    // Titles, the clipboard, and what programs tell about themselves.
    for (const code of [0, 1, 2, 7, 52, 133, 1337]) parser.registerOscHandler(code, () => true);
    parser.registerDcsHandler({ intermediates: '$', final: 'q' }, () => true);
  }

  private key(event: KeyboardEvent): boolean {
    if (event.type !== 'keydown') return true;
    if (this.environment.takesKey(event)) return false;
    if (['Control', 'Shift', 'Alt', 'Meta'].includes(event.key)) return true;
    if (this.prefix) {
      this.prefix = false;
      // Ctrl+A twice, or followed by `a`, is one for the guest.
      const again = event.key === 'a';
      if (again) this.type(Uint8Array.of(1));
      if (again || this.environment.prefixed(event.key)) {
        event.preventDefault();
        return false;
      }
      this.type(Uint8Array.of(1));
      return true;
    }
    const control = event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey;
    if (control && event.key === 'a') {
      this.prefix = true;
      event.preventDefault();
      return false;
    }
    // Plain Ctrl+C is the guest's, unless there is something to copy.
    if (control && event.key === 'c' && this.terminal.hasSelection()) {
      void this.copy();
      event.preventDefault();
      return false;
    }
    return true;
  }

  /** Types into the guest, in order. */
  type(bytes: Uint8Array): void {
    if (this.ended) return;
    for (let at = 0; at < bytes.length; at += CONSOLE_CHUNK) this.input.push(bytes.subarray(at, at + CONSOLE_CHUNK));
    if (!this.sending) void this.sendInput();
  }
  private async sendInput(): Promise<void> {
    this.sending = true;
    const { run, console } = this;
    try {
      for (let bytes = this.input.shift(); bytes; bytes = this.input.shift()) {
        await this.environment.client.request('console.input', { run, console, bytes: toBase64(bytes) });
      }
    } catch (error) {
      this.input = [];
      this.environment.failed(error);
    } finally {
      this.sending = false;
    }
  }

  /** Shows the terminal inside an element of the page. */
  mount(parent: HTMLElement): void {
    parent.append(this.element);
    if (!this.opened) {
      this.opened = true;
      this.terminal.open(this.element);
      this.drawing = new Drawing(this.terminal);
      this.drawFast();
      // The browser's own paste would go around the warning.
      this.element.addEventListener('paste', (event) => this.pasteEvent(event), { capture: true });
    }
  }
  unmount(): void {
    this.element.remove();
  }
  /** By the GPU where there is one; the terminal draws with elements otherwise. */
  private drawFast(): void {
    if (!drawsByGpu()) return;
    try {
      const webgl = new WebglAddon();
      webgl.onContextLoss(() => webgl.dispose());
      this.terminal.loadAddon(webgl);
    } catch {
      // No WebGL here.
    }
  }
  fit(): void {
    if (this.opened && this.element.isConnected && this.element.clientHeight > 0) this.fitting.fit();
  }
  focus(): void {
    this.terminal.focus();
  }

  private pasteEvent(event: ClipboardEvent): void {
    event.preventDefault();
    event.stopPropagation();
    void this.paste(event.clipboardData?.getData('text/plain') ?? '');
  }
  async paste(text: string): Promise<void> {
    if (text !== '' && (await this.environment.mayPaste(text))) this.terminal.paste(text);
    this.focus();
  }
  async copy(): Promise<void> {
    await navigator.clipboard.writeText(this.terminal.getSelection()).catch(this.environment.failed);
  }

  find(text: string, options: { back?: boolean; regex: boolean; caseSensitive: boolean; again?: boolean }): void {
    if (text === '') {
      this.searching.clearDecorations();
      this.found = null;
      return;
    }
    const colors = { matchOverviewRuler: '#e6b35c', activeMatchColorOverviewRuler: '#ffffff' };
    const settings = {
      ...{ regex: options.regex, caseSensitive: options.caseSensitive, incremental: !options.again },
      decorations: { ...colors, matchBackground: '#7a5c18', activeMatchBackground: '#b5541c' },
    };
    if (options.back) this.searching.findPrevious(text, settings);
    else this.searching.findNext(text, settings);
  }

  /** The whole scrollback as text, without what steers the terminal. */
  text(): string {
    const { active } = this.terminal.buffer;
    const lines: string[] = [];
    for (let n = 0; n < active.length; n++) {
      const line = active.getLine(n);
      const text = line?.translateToString(true) ?? '';
      if (line?.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return `${lines.join('\n').trimEnd()}\n`;
  }
  /** With its colours, as a page. */
  html(): string {
    return this.serializing.serializeAsHTML({ includeGlobalBackground: true });
  }

  dispose(): void {
    this.stopListening();
    this.pieces = [];
    this.drawing?.release();
    const { run, console } = this;
    this.environment.client.request('console.detach', { run, console }).catch(() => {});
    this.terminal.dispose();
    this.element.remove();
  }
}
