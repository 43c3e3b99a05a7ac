/** Keys by name: `Ctrl+Shift+P`, `F5`. On macOS `Ctrl` stands for the Command key as well. */

const NAMES: Readonly<Record<string, string>> = {
  ' ': 'Space',
  ArrowUp: 'Up',
  ArrowDown: 'Down',
  ArrowLeft: 'Left',
  ArrowRight: 'Right',
};

export interface KeyPress {
  readonly key: string;
  readonly code?: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

/** Name of a key press, or null for a modifier alone. */
export function keyName(press: KeyPress): string | null {
  if (['Control', 'Shift', 'Alt', 'Meta', 'AltGraph', 'Dead', 'Process'].includes(press.key)) return null;
  // A digit by its place: with Shift or Alt other layouts give other characters.
  const digit = /^Digit(\d)$/.exec(press.code ?? '')?.[1];
  const key = digit ?? NAMES[press.key] ?? (press.key.length === 1 ? press.key.toUpperCase() : press.key);
  const parts = [
    press.ctrlKey || press.metaKey ? 'Ctrl' : null,
    press.altKey ? 'Alt' : null,
    press.shiftKey ? 'Shift' : null,
    key,
  ];
  return parts.filter((p) => p !== null).join('+');
}
