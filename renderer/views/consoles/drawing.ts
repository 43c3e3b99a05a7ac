/** Spares a terminal what xterm 6.0 does again and again: with fast output that is most of its work. */
import type { Terminal } from '@xterm/xterm';
import { beginsToWrite, hasWritten } from '../../state/frame.ts';
import { type Buffer, drawsRows, keepRows } from './rows.ts';

interface RenderService {
  refreshRows(start: number, end: number, isRedrawOnly?: boolean): void;
  setRenderer(renderer: unknown): void;
  addRefreshCallback(callback: () => void): unknown;
  _handleIntersectionChange(entry: unknown): void;
  readonly _renderer?: { readonly value?: unknown };
}
/** What is asked of xterm beside its interface. Its version is pinned; where a part is missing, it works as it came. */
interface Core {
  readonly buffer: Buffer;
  readonly _selectionService?: { readonly hasSelection: boolean; refresh(linuxMouse?: boolean): void };
  readonly _viewport?: { _sync(line?: number): void; queueSync(line?: number): void };
  readonly _renderService?: RenderService;
  refresh(start: number, end: number): void;
}

/** Milliseconds after which what was written is drawn although more is to come. */
const LONGEST = 200;

/** How a terminal draws, from when it is open. */
export class Drawing {
  private readonly core: Core | undefined;
  /** Rows that are to be drawn, while nothing is. */
  private held: { readonly timer: ReturnType<typeof setTimeout>; readonly start: number; readonly end: number } | null =
    null;
  /** Moves the scrollbar to where the text is. */
  private scroll: () => void = () => {};
  /** Rows are asked for because their text may have changed. */
  private text = false;

  constructor(terminal: Terminal) {
    this.core = (terminal as Terminal & { readonly _core?: Core })._core;
    this.selectOnce();
    this.scrollOnce();
    this.drawLess();
  }

  /** Draws nothing until `release`, for a while: more is about to be written. */
  hold(): void {
    beginsToWrite(this);
    this.held ??= {
      timer: setTimeout(() => this.release(), LONGEST),
      start: Number.POSITIVE_INFINITY,
      end: -1,
    };
  }
  release(): void {
    const { held } = this;
    if (!held) return;
    clearTimeout(held.timer);
    this.held = null;
    if (held.end >= 0) this.core?.refresh(held.start, held.end);
    this.scroll();
    hasWritten(this);
  }

  /** xterm draws the selection by drawing all rows anew, after they were drawn because they scrolled: needless where none is selected. */
  private selectOnce(): void {
    const selection = this.core?._selectionService;
    if (!selection?.refresh) return;
    const refresh = selection.refresh.bind(selection);
    let had = false;
    selection.refresh = (linuxMouse) => {
      const has = selection.hasSelection;
      if (has || had) refresh(linuxMouse);
      had = has;
    };
  }

  /** xterm moves its scrollbar for each line: here once a frame, together with the rows, so that the page is laid out once. */
  private scrollOnce(): void {
    const { _viewport: viewport, _renderService: service } = this.core ?? {};
    if (!viewport?._sync || !viewport.queueSync || !service?.addRefreshCallback) return;
    const sync = viewport._sync.bind(viewport);
    const queueSync = viewport.queueSync.bind(viewport);
    let scrolled = false;
    let waits = false;
    this.scroll = () => {
      if (!scrolled || waits || this.held) return;
      waits = true;
      service.addRefreshCallback(() => {
        scrolled = waits = false;
        sync();
      });
    };
    viewport._sync = (line) => {
      if (line !== undefined) sync(line);
      else {
        scrolled = true;
        this.scroll();
      }
    };
    viewport.queueSync = (line) => {
      if (line !== undefined || !this.held) queueSync(line);
      else scrolled = true;
    };
  }

  /** xterm makes all rows when one has scrolled, and after each piece of what is written. */
  private drawLess(): void {
    const { core } = this;
    const service = core?._renderService;
    if (!core?.refresh || !service?.refreshRows || !service.setRenderer || !service._handleIntersectionChange) return;
    const refresh = core.refresh.bind(core);
    core.refresh = (start, end) => this.asText(() => refresh(start, end));
    const shown = service._handleIntersectionChange.bind(service);
    service._handleIntersectionChange = (entry) => this.asText(() => shown(entry));
    let forget = (): void => {};
    const refreshRows = service.refreshRows.bind(service);
    service.refreshRows = (start, end, redraw) => {
      // Whoever asks in another way wants other colours, or another size.
      if (!this.text) forget();
      const { held } = this;
      if (!held) refreshRows(start, end, redraw);
      else this.held = { ...held, start: Math.min(held.start, start), end: Math.max(held.end, end) };
    };
    const use = (renderer: unknown): void => {
      forget = drawsRows(renderer) ? keepRows(renderer, () => core.buffer) : () => {};
    };
    const setRenderer = service.setRenderer.bind(service);
    service.setRenderer = (renderer) => {
      use(renderer);
      setRenderer(renderer);
    };
    use(service._renderer?.value);
  }
  private asText(draw: () => void): void {
    this.text = true;
    draw();
    this.text = false;
  }
}
