/** Going from console to console. */
import { consoles } from '../state/consoles.svelte.ts';
import { layout } from '../state/layout.svelte.ts';
import { workbench } from '../state/workbench.svelte.ts';
import { saveFile } from '../ui/save-file.ts';
import type { ConsoleSession } from '../views/consoles/session.svelte.ts';

const PREFIX = 'console:';

/** The console whose panel is active. */
export function activeConsole(): ConsoleSession | null {
  const { active } = layout;
  const run = workbench.chosen;
  if (!active?.startsWith(PREFIX) || !run) return null;
  return consoles.get(run, active.slice(PREFIX.length));
}

/** Shows console `n`, from 0, and gives it the keyboard. */
export function showConsole(n: number): boolean {
  const console = workbench.run?.consoles[n];
  const run = workbench.chosen;
  if (!console || !run) return false;
  const panel = PREFIX + console.id;
  layout.show(panel, beside());
  const session = consoles.get(run, console.id);
  // At once, so that no key is lost; and again when the panel is laid out, if it was not.
  session.focus();
  if (!session.element.isConnected) requestAnimationFrame(() => session.focus());
  return true;
}

/** Puts what a console shows into a file. */
export function saveText(session: ConsoleSession): void {
  saveFile(`${session.run}-${session.console}.log`, 'text/plain', session.text());
}

function beside(): { panel: string; direction: 'right' | 'within' } | undefined {
  const open = layout.open.findLast((p) => p.startsWith(PREFIX));
  return open ? { panel: open, direction: 'within' } : undefined;
}

export function switchConsole(step: 1 | -1): void {
  const list = workbench.run?.consoles ?? [];
  const now = list.findIndex((c) => PREFIX + c.id === layout.active);
  if (list.length > 0) showConsole((Math.max(0, now) + step + list.length) % list.length);
}

/** All consoles of the run: the first two side by side, further ones as tabs. Panels of other machines' consoles go. */
export function showConsoles(): void {
  const list = workbench.run?.consoles ?? [];
  if (list.length === 0) return;
  const ids = list.map((c) => PREFIX + c.id);
  for (const panel of layout.open) if (panel.startsWith(PREFIX) && !ids.includes(panel)) layout.close(panel);
  list.forEach((_, n) => {
    const id = ids[n]!;
    if (layout.open.includes(id)) return;
    if (n === 0) layout.show(id, { panel: 'launch', direction: 'within' });
    else if (n === 1) layout.show(id, { panel: ids[0]!, direction: 'right' });
    else layout.show(id, { panel: ids[1]!, direction: 'within' });
  });
  if (ids[1]) layout.show(ids[1]);
  showConsole(0);
}
