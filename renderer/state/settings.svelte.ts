/** What the user has chosen about the workbench itself; kept in the browser or window. */
export type Theme = 'system' | 'dark' | 'light' | 'contrast';

export interface Settings {
  theme: Theme;
  /** Of terminals and tables, in CSS pixels. */
  fontSize: number;
  /** Of everything, 0.5–3. */
  zoom: number;
  timestamps: boolean;
  screenReader: boolean;
  /** Asks before text of several lines is pasted into a console. */
  pasteWarning: boolean;
  /** Keys of actions that differ from their own, by the action's id. */
  keys: Record<string, string[]>;
}

const KEY = 'trireme.settings';
const DEFAULTS: Settings = {
  theme: 'system',
  fontSize: 13,
  zoom: 1,
  timestamps: false,
  screenReader: false,
  pasteWarning: true,
  keys: {},
};

/** Stored values, as far as they are of the right kind. */
export function storedSettings(text: string | null): Settings {
  const settings = structuredClone(DEFAULTS);
  try {
    const stored = JSON.parse(text ?? '{}') as Record<string, unknown>;
    for (const key of Object.keys(DEFAULTS) as (keyof Settings)[]) {
      if (typeof stored[key] === typeof DEFAULTS[key]) Object.assign(settings, { [key]: stored[key] });
    }
  } catch {
    // Damaged: the defaults are as good.
  }
  return settings;
}

export const settings: Settings = $state(storedSettings(localStorage.getItem(KEY)));

/** Changes one setting, and keeps it. */
export function set<K extends keyof Settings>(key: K, value: Settings[K]): void {
  settings[key] = value;
  localStorage.setItem(KEY, JSON.stringify($state.snapshot(settings)));
}

/** The theme in force, where `system` follows the system's. */
export function themeInForce(theme: Theme, prefers: (query: string) => boolean): Exclude<Theme, 'system'> {
  if (theme !== 'system') return theme;
  if (prefers('(prefers-contrast: more)')) return 'contrast';
  return prefers('(prefers-color-scheme: light)') ? 'light' : 'dark';
}
