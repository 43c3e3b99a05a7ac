/** In Electron's window: the menu tells of actions and presets, and is told which actions there are. */
import { actions } from '../actions/actions.ts';
import { bridge } from '../api/wires.ts';
import { launch } from '../state/launch.svelte.ts';
import { layout } from '../state/layout.svelte.ts';
import { notices } from '../state/notices.svelte.ts';
import { workbench } from '../state/workbench.svelte.ts';
import { importText } from '../views/launch/exchange.ts';

/** The actions as a menu has them. */
function menuActions() {
  return actions.all.map((action) => ({
    ...{ id: action.id, title: action.title, group: action.group },
    key: actions.keysOf(action)[0] ?? null,
    overConsole: action.overConsole ?? false,
    enabled: actions.obstacle(action) === null,
  }));
}

/** Called once, where effects may be made. Does nothing in a browser. */
export function connectNative(): void {
  if (!bridge) return;
  const native = bridge;
  native.onAction((id) => actions.invoke(id));
  native.onPreset((preset) => {
    layout.show('launch');
    if (preset.kind === 'file') {
      void importText(preset.text);
      return;
    }
    const found = workbench.presets.find((p) => p.id === preset.id);
    if (found) launch.choose(found);
    else notices.error('This preset is not there any more.');
  });
  let sent = '';
  $effect(() => {
    const list = menuActions();
    const text = JSON.stringify(list);
    if (text === sent) return;
    sent = text;
    native.menu(list);
  });
}
