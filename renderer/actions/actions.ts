/** Every action of the workbench. */
import { bridge } from '../api/wires.ts';
import { dialogs } from '../state/dialogs.svelte.ts';
import { launch } from '../state/launch.svelte.ts';
import { layout } from '../state/layout.svelte.ts';
import { notices } from '../state/notices.svelte.ts';
import { set, settings, type Theme } from '../state/settings.svelte.ts';
import { workbench } from '../state/workbench.svelte.ts';
import { activeConsole, saveText, showConsole, showConsoles, switchConsole } from './consoles.ts';
import { type Action, ActionRegistry } from './registry.ts';

export const actions = new ActionRegistry(() => settings.keys);

type Control = 'pause' | 'resume' | 'reset' | 'powerOff' | 'forceOff' | 'close';
async function control(action: Control): Promise<void> {
  const run = workbench.chosen;
  if (!run) return;
  try {
    await workbench.client.request('run.control', { run, action });
  } catch (error) {
    notices.error(error);
  }
}
const state = () => workbench.run?.state ?? null;
const inState =
  (...states: string[]) =>
  (): boolean | string => {
    const now = state();
    if (now !== null && states.includes(now)) return true;
    return now === null ? 'nothing is running' : `the machine is ${now === 'ended' ? 'off' : now}`;
  };
const isLive = inState('starting', 'running', 'paused');

/** Starts what the launch panel shows, and turns to its consoles. */
export async function startRun(options: { paused?: boolean; on?: 'trireme' | 'qemu' } = {}): Promise<void> {
  const run = await launch.start(options);
  if (run) showConsoles();
}

/** Starts what the chosen run is with MEC the other way round, and turns to the comparison. */
async function startOtherMec(): Promise<void> {
  const { run } = workbench;
  if (!run?.mec) return;
  launch.adopt(run);
  launch.setMec(!run.mec.enabled);
  if (await launch.start({ on: run.on })) layout.show('compare');
}

async function sure(title: string, text: string, confirm: string): Promise<boolean> {
  return dialogs.confirm({ title, text, confirm, danger: true });
}

function canStart(): boolean | string {
  if (launch.empty) return 'the presets are not there yet';
  if (launch.starting) return 'it is being started';
  return launch.check.problems[0]?.message ?? true;
}

const RUN: readonly Action[] = [
  {
    ...{ id: 'run.start', title: 'Start the machine', group: 'Run', keys: ['F5'], overConsole: true },
    enabled: () => {
      if (state() === 'paused') return true;
      if (isLive() === true) return 'it runs already';
      return canStart();
    },
    run: () => (state() === 'paused' ? control('resume') : startRun()),
  },
  {
    ...{ id: 'run.startPaused', title: 'Start, stopped before the first instruction', group: 'Run' },
    enabled: () => (isLive() === true ? 'it runs already' : canStart()),
    run: () => startRun({ paused: true }),
  },
  {
    ...{ id: 'run.startQemu', title: 'Start on the installed QEMU', group: 'Run' },
    // Also beside a machine that runs: to compare them.
    enabled: () => {
      if (workbench.hello?.qemu == null) return 'qemu-system-aarch64 is not installed on the machine that runs Trireme';
      if (launch.mec) return 'No QEMU has encryption contexts: switch MEC off';
      return canStart();
    },
    run: () => startRun({ on: 'qemu' }),
  },
  {
    ...{ id: 'run.pause', title: 'Pause or go on', group: 'Run', keys: ['F6'], overConsole: true },
    enabled: inState('running', 'paused'),
    run: () => control(state() === 'paused' ? 'resume' : 'pause'),
  },
  {
    ...{ id: 'run.step', title: 'Step one instruction', group: 'Run', keys: ['F10'], overConsole: true },
    enabled: inState('paused'),
    run: async () => {
      const run = workbench.run;
      if (!run) return;
      const core = run.stop?.core ?? 0;
      await workbench.client.request('run.step', { run: run.id, core }).catch((error) => notices.error(error));
    },
  },
  {
    ...{ id: 'run.reset', title: 'Reset', group: 'Run', keys: ['Ctrl+Shift+F5'], overConsole: true },
    enabled: inState('running', 'paused'),
    run: async () => {
      if (await sure('Reset the machine?', 'What the guest has in memory is lost.', 'Reset')) await control('reset');
    },
  },
  {
    ...{ id: 'run.powerOff', title: 'Power off', group: 'Run', keys: ['Shift+F5'], overConsole: true },
    enabled: isLive,
    run: async () => {
      const text = 'This machine has no power key: it is switched off at once.';
      if (workbench.run?.powerKey || (await sure('Switch off?', text, 'Switch off'))) await control('powerOff');
    },
  },
  {
    ...{ id: 'run.forceOff', title: 'Force off', group: 'Run' },
    enabled: isLive,
    run: async () => {
      const text = 'The guest is not asked. What it has not written to its disks is lost.';
      if (await sure('Force the machine off?', text, 'Force off')) await control('forceOff');
    },
  },
  {
    ...{ id: 'run.compareMec', title: 'MEC off against on: start the other, and compare', group: 'Run' },
    enabled: () => (workbench.run?.mec ? true : 'start a machine first that can have MEC'),
    run: () => startOtherMec(),
  },
  {
    ...{ id: 'run.close', title: 'Close this run', group: 'Run' },
    enabled: inState('ended'),
    run: () => control('close'),
  },
];

const views = ['launch', 'consoles', 'worlds', 'realms', 'memory', 'calls', 'registers', 'compare'] as const;
export type ViewName = (typeof views)[number];
export const VIEW_NAMES: readonly ViewName[] = views;
const titleOf = (view: string): string => view[0]!.toUpperCase() + view.slice(1);

const VIEW: readonly Action[] = [
  ...views.map(
    (view, n): Action => ({
      // Browsers keep Ctrl and a digit for their own tabs; Alt works there.
      ...{ id: `view.${view}`, title: titleOf(view), group: 'View', keys: [`Ctrl+${n + 1}`, `Alt+${n + 1}`] },
      overConsole: true,
      run: () => (view === 'consoles' ? showConsoles() : layout.show(view)),
    }),
  ),
  { id: 'view.timeline', title: 'All consoles, merged', group: 'View', run: () => layout.show('timeline') },
  {
    ...{ id: 'view.splitRight', title: 'Split: this panel to the right', group: 'View', keys: ['Ctrl+\\'] },
    run: () => {
      if (layout.active) layout.split(layout.active, 'right');
    },
  },
  {
    ...{ id: 'view.splitDown', title: 'Split: this panel below', group: 'View' },
    run: () => {
      if (layout.active) layout.split(layout.active, 'below');
    },
  },
  {
    ...{
      id: 'view.next',
      title: 'Next panel',
      group: 'View',
      keys: ['Ctrl+PageDown', 'Alt+PageDown'],
      overConsole: true,
    },
    run: () => layout.next(1),
  },
  {
    ...{
      id: 'view.previous',
      title: 'Previous panel',
      group: 'View',
      keys: ['Ctrl+PageUp', 'Alt+PageUp'],
      overConsole: true,
    },
    run: () => layout.next(-1),
  },
  {
    id: 'view.closePanel',
    title: 'Close this panel',
    group: 'View',
    run: () => {
      if (layout.active) layout.close(layout.active);
    },
  },
  { id: 'view.reset', title: 'Layout as at the first start', group: 'View', run: () => layout.reset() },
];

const overConsole = (): boolean | string => activeConsole() !== null || 'turn to a console first';
const CONSOLE: readonly Action[] = [
  ...Array.from(
    { length: 9 },
    (_, n): Action => ({
      ...{ id: `console.${n + 1}`, title: `Console ${n + 1}`, group: 'Console' },
      enabled: () => (workbench.run?.consoles.length ?? 0) > n || 'there is no such console',
      run: () => {
        showConsole(n);
      },
    }),
  ),
  { id: 'console.next', title: 'Next console', group: 'Console', run: () => switchConsole(1) },
  { id: 'console.previous', title: 'Previous console', group: 'Console', run: () => switchConsole(-1) },
  {
    ...{ id: 'console.copy', title: 'Copy the selection', group: 'Console', keys: ['Ctrl+Shift+C'], overConsole: true },
    enabled: overConsole,
    run: () => activeConsole()?.copy(),
  },
  {
    ...{ id: 'console.paste', title: 'Paste', group: 'Console', keys: ['Ctrl+Shift+V'], overConsole: true },
    enabled: overConsole,
    run: async () => {
      const session = activeConsole();
      if (bridge) {
        session?.focus();
        bridge.paste();
        return;
      }
      try {
        await session?.paste(await navigator.clipboard.readText());
      } catch {
        notices.error('The browser does not give the clipboard to this page: use Ctrl+V or its own menu.');
      }
    },
  },
  {
    ...{ id: 'console.selectAll', title: 'Select all', group: 'Console', keys: ['Ctrl+Shift+A'], overConsole: true },
    enabled: overConsole,
    run: () => activeConsole()?.terminal.selectAll(),
  },
  {
    ...{ id: 'console.find', title: 'Search in this console', group: 'Console', keys: ['Ctrl+Shift+F'] },
    ...{ overConsole: true, enabled: overConsole },
    run: () => {
      const session = activeConsole();
      if (session) session.searches = true;
    },
  },
  {
    ...{ id: 'console.save', title: 'Save as text', group: 'Console' },
    enabled: overConsole,
    run: () => {
      const session = activeConsole();
      if (session) saveText(session);
    },
  },
  {
    ...{ id: 'console.timestamps', title: 'Lines with times, or terminal', group: 'Console' },
    run: () => set('timestamps', !settings.timestamps),
  },
  {
    ...{ id: 'console.clear', title: 'Clear this window’s view', group: 'Console' },
    enabled: overConsole,
    run: () => activeConsole()?.terminal.clear(),
  },
];

const THEMES: readonly [Theme, string][] = [
  ['system', 'as the system'],
  ['dark', 'dark'],
  ['light', 'light'],
  ['contrast', 'high contrast'],
];
const zoom = (factor: number): void =>
  set('zoom', Math.min(3, Math.max(0.5, Math.round(settings.zoom * factor * 100) / 100)));

const WORKBENCH: readonly Action[] = [
  {
    ...{ id: 'palette', title: 'All actions', group: 'Workbench', keys: ['Ctrl+Shift+P', 'F1'], overConsole: true },
    run: () => {
      dialogs.palette = true;
    },
  },
  {
    id: 'keys',
    title: 'Keys',
    group: 'Workbench',
    run: () => {
      dialogs.keys = true;
    },
  },
  ...THEMES.map(
    ([theme, title]): Action => ({
      ...{ id: `theme.${theme}`, title: `Theme: ${title}`, group: 'Workbench' },
      run: () => set('theme', theme),
    }),
  ),
  { id: 'zoom.in', title: 'Larger', group: 'Workbench', keys: ['Ctrl+Alt+='], run: () => zoom(1.1) },
  { id: 'zoom.out', title: 'Smaller', group: 'Workbench', keys: ['Ctrl+Alt+-'], run: () => zoom(1 / 1.1) },
  { id: 'zoom.reset', title: 'Normal size', group: 'Workbench', run: () => set('zoom', 1) },
  {
    id: 'font.in',
    title: 'Larger text in consoles',
    group: 'Workbench',
    run: () => set('fontSize', Math.min(32, settings.fontSize + 1)),
  },
  {
    id: 'font.out',
    title: 'Smaller text in consoles',
    group: 'Workbench',
    run: () => set('fontSize', Math.max(8, settings.fontSize - 1)),
  },
  {
    ...{ id: 'screenReader', title: 'Screen-reader mode of consoles', group: 'Workbench' },
    run: () => {
      set('screenReader', !settings.screenReader);
      notices.info(`Screen-reader mode of consoles is ${settings.screenReader ? 'on' : 'off'}.`);
    },
  },
  {
    ...{ id: 'pasteWarning', title: 'Ask before pasting several lines', group: 'Workbench' },
    run: () => {
      set('pasteWarning', !settings.pasteWarning);
      notices.info(`Pasting several lines ${settings.pasteWarning ? 'asks first' : 'asks no more'}.`);
    },
  },
];

actions.add(...RUN, ...VIEW, ...CONSOLE, ...WORKBENCH);
