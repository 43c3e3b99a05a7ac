/** The menu, from the actions that the page has told of. What an action does stays in the page. */
import type { MenuItemConstructorOptions } from 'electron/main';
import type { MenuAction, PresetRef } from './channels.ts';

export interface MenuEvents {
  action(id: string): void;
  openPreset(): void;
  preset(id: string): void;
  newWindow(): void;
}

/** Electron's name of a key; null where it would take the key from a console on this system. */
export function acceleratorOf({ key, overConsole }: MenuAction, mac: boolean): string | null {
  if (key === null) return null;
  // There a menu gets keys before the page, which knows whether the console is to have them.
  if (mac && !overConsole) return null;
  return key.replace(/^Ctrl\+/, 'CommandOrControl+').replace(/\+\+$/, '+Plus');
}

export function menuTemplate(
  actions: readonly MenuAction[],
  recent: readonly PresetRef[],
  platform: NodeJS.Platform,
  events: MenuEvents,
): MenuItemConstructorOptions[] {
  const mac = platform === 'darwin';
  const itemOf = (action: MenuAction): MenuItemConstructorOptions => {
    const accelerator = acceleratorOf(action, mac);
    return {
      id: action.id,
      label: action.title.replaceAll('&', '&&'),
      enabled: action.enabled,
      // Shown only: the page has the keys itself.
      ...(accelerator === null ? {} : { accelerator, registerAccelerator: false }),
      click: () => events.action(action.id),
    };
  };
  const groups = [...new Set(actions.map((a) => a.group))];
  const recentItems: MenuItemConstructorOptions[] = recent.map(({ id, name }) => ({
    label: name.replaceAll('&', '&&'),
    click: () => events.preset(id),
  }));
  const file: MenuItemConstructorOptions = {
    label: '&File',
    submenu: [
      { label: 'New window', click: () => events.newWindow() },
      { label: 'Open a preset…', click: () => events.openPreset() },
      { label: 'Recent presets', enabled: recentItems.length > 0, submenu: recentItems },
      { type: 'separator' },
      { role: 'close' },
      ...(mac ? [] : [{ role: 'quit' as const }]),
    ],
  };
  return [
    ...(mac ? [{ role: 'appMenu' as const }] : []),
    file,
    { role: 'editMenu' },
    ...groups.map((group) => ({
      label: group,
      submenu: actions.filter((a) => a.group === group).map(itemOf),
    })),
    ...(mac ? [{ role: 'windowMenu' as const }] : []),
  ];
}
