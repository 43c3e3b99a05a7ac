/** Spares a terminal what xterm 6.0 does again for every line that scrolls: with fast output that is most of its work. */
import type { Terminal } from '@xterm/xterm';

/** What is asked of xterm beside its interface. Its version is pinned; where a part is missing, it works as it came. */
interface Internals {
  readonly _core?: {
    readonly _selectionService?: { readonly hasSelection: boolean; refresh(linuxMouse?: boolean): void };
    readonly _viewport?: { _sync(line?: number): void };
  };
}

/** To be called when the terminal is open. */
export function scrollCheaply(terminal: Terminal): void {
  const { _selectionService: selection, _viewport: viewport } = (terminal as Terminal & Internals)._core ?? {};
  if (selection?.refresh) {
    // Draws the selection by drawing all rows anew, after they were drawn because they scrolled: needless where none is selected.
    const refresh = selection.refresh.bind(selection);
    let had = false;
    selection.refresh = (linuxMouse) => {
      const has = selection.hasSelection;
      if (has || had) refresh(linuxMouse);
      had = has;
    };
  }
  if (viewport?._sync) {
    // Moves the scrollbar: once behind all that is written in one go.
    const sync = viewport._sync.bind(viewport);
    let waits = false;
    viewport._sync = (line) => {
      if (line !== undefined) sync(line);
      else if (!waits) {
        waits = true;
        queueMicrotask(() => {
          waits = false;
          sync();
        });
      }
    };
  }
}
