/** What can be a panel: the views, and the consoles of a run. */
import type { PanelKind } from '../state/layout.svelte.ts';
import CallsView from '../views/calls/CallsView.svelte';
import CompareView from '../views/compare/CompareView.svelte';
import ConsoleView from '../views/consoles/ConsoleView.svelte';
import TimelineView from '../views/consoles/TimelineView.svelte';
import LaunchView from '../views/launch/LaunchView.svelte';
import MemoryView from '../views/memory/MemoryView.svelte';
import RealmsView from '../views/realms/RealmsView.svelte';
import RegistersView from '../views/registers/RegistersView.svelte';
import WorldsView from '../views/worlds/WorldsView.svelte';

const VIEWS: Readonly<Record<string, PanelKind>> = {
  launch: { title: 'Launch', component: LaunchView },
  timeline: { title: 'All consoles', component: TimelineView },
  worlds: { title: 'Worlds', component: WorldsView },
  realms: { title: 'Realms', component: RealmsView },
  memory: { title: 'Memory', component: MemoryView },
  calls: { title: 'Calls', component: CallsView },
  registers: { title: 'Registers', component: RegistersView },
  compare: { title: 'Compare', component: CompareView },
};

export function kindOf(panel: string): PanelKind | null {
  if (panel.startsWith('console:')) return { title: panel.slice('console:'.length), component: ConsoleView };
  return VIEWS[panel] ?? null;
}
