/** Makes rows of a terminal that xterm 6.0 draws with elements: those alone that show something else than before, and moves those that scroll. */

/** A line of xterm's buffer: three words a cell. */
interface BufferLine {
  readonly _data?: Uint32Array;
}
export interface Buffer {
  readonly ybase: number;
  readonly ydisp: number;
  readonly y: number;
  readonly lines: { get(index: number): BufferLine | undefined };
}
/** What is asked of xterm's renderer. */
export interface RowRenderer {
  readonly _rowElements: HTMLElement[];
  readonly _rowContainer: HTMLElement;
  readonly _selectionRenderModel: { readonly hasSelection: boolean };
  renderRows(start: number, end: number): void;
  handleSelectionChanged(...selection: unknown[]): void;
  clear(): void;
  _setCellUnderline(...range: unknown[]): void;
}

/** In a cell's words: it has more characters than fit in it, or looks that are kept beside it. */
const [COMBINED, EXTENDED] = [1 << 21, 1 << 28];

/** What a row shows. */
interface Drawn {
  readonly line: BufferLine;
  /** Null: cannot be compared. */
  readonly cells: Uint32Array | null;
  readonly cursor: boolean;
}

/** What changes rows behind our back. */
const CHANGES = ['handleSelectionChanged', 'clear', '_setCellUnderline'] as const;

export function drawsRows(renderer: unknown): renderer is RowRenderer {
  const r = renderer as Partial<RowRenderer> | undefined;
  const parts = [r?._rowElements, r?._rowContainer, r?._selectionRenderModel, r?.renderRows];
  return parts.every(Boolean) && CHANGES.every((name) => r![name]);
}

/** Yields a function to be called when rows are to look otherwise although their text is the same. */
export function keepRows(renderer: RowRenderer, buffer: () => Buffer): () => void {
  const elements = renderer._rowElements;
  let drawn: (Drawn | undefined)[] = [];
  const forget = (): void => {
    drawn = Array.from({ length: elements.length });
  };
  forget();
  for (const name of CHANGES) {
    const method = renderer[name].bind(renderer);
    renderer[name] = (...given: unknown[]) => {
      forget();
      method(...given);
    };
  }
  const make = renderer.renderRows.bind(renderer);
  renderer.renderRows = (start, end) => {
    if (renderer._selectionRenderModel.hasSelection || drawn.length !== elements.length) forget();
    const { ydisp, ybase, y: cursorY, lines } = buffer();
    const lineAt = (y: number): BufferLine | undefined => lines.get(ydisp + y);
    const by = scrolledBy(drawn, lineAt);
    if (by > 0) renderer._rowContainer.append(...elements.slice(0, by));
    else if (by < 0) renderer._rowContainer.prepend(...elements.slice(by));
    rotate(elements, by);
    rotate(drawn, by);
    // Rows that lie together are made together.
    let first = end + 1;
    for (let y = start; y <= end + 1; y++) {
      const line = lineAt(y);
      const cursor = ydisp + y === ybase + cursorY;
      if (y > end || (line && !cursor && shows(drawn[y], line))) {
        if (first < y) make(first, y - 1);
        first = end + 1;
      } else {
        first = Math.min(first, y);
        drawn[y] = line && { line, cells: comparable(line), cursor };
      }
    }
  };
  return forget;
}

/** Rows by which what was drawn has moved up; below zero: down. */
function scrolledBy(drawn: readonly (Drawn | undefined)[], lineAt: (y: number) => BufferLine | undefined): number {
  const [top, before] = [lineAt(0), drawn[0]?.line];
  const up = drawn.findIndex((d) => d !== undefined && d.line === top);
  if (up >= 0 || before === undefined) return Math.max(0, up);
  const down = drawn.findIndex((_, y) => lineAt(y) === before);
  return down > 0 ? -down : 0;
}

function rotate(list: unknown[], by: number): void {
  if (by > 0) list.push(...list.splice(0, by));
  else if (by < 0) list.unshift(...list.splice(by));
}

function comparable({ _data: cells }: BufferLine): Uint32Array | null {
  if (!cells) return null;
  for (let at = 0; at < cells.length; at += 3) {
    if (cells[at]! & COMBINED || cells[at + 2]! & EXTENDED) return null;
  }
  return cells.slice();
}

function shows(drawn: Drawn | undefined, { _data: cells }: BufferLine): boolean {
  const before = drawn?.cursor ? null : drawn?.cells;
  return before?.length === cells?.length && before !== null && Boolean(cells?.every((word, n) => word === before![n]));
}
