/** Where a window opens: where the last one was, if that can still be seen. */
import type { BrowserWindow, Rectangle } from 'electron/main';
import * as v from 'valibot';
import type { ElectronApi } from './electron-api.ts';
import type { Stored } from './stored.ts';

const coordinate = v.pipe(v.number(), v.integer(), v.minValue(-65_536), v.maxValue(65_536));
const size = v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(65_536));
export const windowStateSchema = v.strictObject({
  x: v.nullable(coordinate),
  y: v.nullable(coordinate),
  width: size,
  height: size,
  maximized: v.boolean(),
});
export type WindowState = v.InferOutput<typeof windowStateSchema>;
export const FIRST_STATE: WindowState = { x: null, y: null, width: 1360, height: 860, maximized: false };

/** Pixels of a window that have to be on some screen, each way. */
const SEEN = 80;

function isSeen(at: Rectangle, screens: readonly Rectangle[]): boolean {
  return screens.some((s) => {
    const across = Math.min(at.x + at.width, s.x + s.width) - Math.max(at.x, s.x);
    const down = Math.min(at.y + at.height, s.y + s.height) - Math.max(at.y, s.y);
    return across >= SEEN && down >= SEEN;
  });
}

/** The state to open with; `beside`: other windows, which are not to be covered exactly. */
export function placed(state: WindowState, { screen }: ElectronApi, beside: number): WindowState {
  const areas = screen.getAllDisplays().map((d) => d.workArea);
  const { width, height, maximized } = state;
  if (state.x === null || state.y === null) return state;
  const at = { x: state.x + 24 * beside, y: state.y + 24 * beside, width, height };
  return isSeen(at, areas) ? { ...at, maximized } : { x: null, y: null, width, height, maximized };
}

/** Keeps the place of a window when it closes. */
export function keepPlace(window: BrowserWindow, stored: Stored<typeof windowStateSchema>): void {
  window.on('close', () => {
    const { x, y, width, height } = window.getNormalBounds();
    stored.write({ x, y, width: Math.max(200, width), height: Math.max(200, height), maximized: window.isMaximized() });
  });
}
