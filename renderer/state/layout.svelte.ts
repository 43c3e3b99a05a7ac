/** The panels and where they are. Views and consoles are panels of one docking layout, which is kept for each preset. */
import {
  createDockview,
  type DockviewApi,
  type GroupPanelPartInitParameters,
  type IContentRenderer,
  type ITabRenderer,
  type SerializedDockview,
  type TabPartInitParameters,
} from 'dockview-core';
import { type Component, mount, unmount } from 'svelte';

/** What a panel shows; `console:uart0` is a console, others are views. */
export interface PanelKind {
  readonly title: string;
  readonly component: Component<{ panel: string }> | Component<Record<string, never>>;
}

/** Milliseconds without a change after which the layout is kept. */
const SETTLED = 300;
const storeKey = (preset: string): string => `trireme.layout.${preset}`;

class Content implements IContentRenderer {
  readonly element = document.createElement('div');
  private readonly kind: PanelKind;
  private readonly panel: string;
  private mounted: Record<string, unknown> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private arriving: ReturnType<typeof setTimeout> | undefined;

  constructor(panel: string, kind: PanelKind) {
    this.panel = panel;
    this.kind = kind;
    this.element.className = 'panel-content';
  }
  /** The view is made behind what the docking layout does, in a task of its own: together they would hold up the page. */
  init({ api }: GroupPanelPartInitParameters): void {
    api.onDidVisibilityChange(({ isVisible }) => this.comes(isVisible));
    const props = { panel: this.panel };
    this.timer = setTimeout(() => {
      this.mounted = mount(this.kind.component as Component<{ panel: string }>, { target: this.element, props });
    });
  }
  /** So is a view that comes back laid out: the docking layout asks for sizes at once (`dock.css`). */
  private comes(visible: boolean): void {
    clearTimeout(this.arriving);
    if (!visible) this.element.classList.add('arriving');
    else this.arriving = setTimeout(() => this.element.classList.remove('arriving'));
  }
  dispose(): void {
    clearTimeout(this.timer);
    clearTimeout(this.arriving);
    if (this.mounted) void unmount(this.mounted);
    this.mounted = null;
  }
}

class Tab implements ITabRenderer {
  readonly element = document.createElement('div');
  private readonly component: Component<TabProps>;
  private mounted: Record<string, unknown> | null = null;

  constructor(component: Component<TabProps>) {
    this.component = component;
    this.element.className = 'tab-content';
  }
  init({ api }: TabPartInitParameters): void {
    const props: TabProps = { panel: api.id, close: () => api.close(), setTitle: (title) => api.setTitle(title) };
    this.mounted = mount(this.component, { target: this.element, props });
  }
  dispose(): void {
    if (this.mounted) void unmount(this.mounted);
    this.mounted = null;
  }
}
export interface TabProps extends Record<string, unknown> {
  readonly panel: string;
  readonly close: () => void;
  readonly setTitle: (title: string) => void;
}

export class Layout {
  /** The panel that has, or had last, the focus; and all that can be seen. */
  active: string | null = $state(null);
  visible: readonly string[] = $state.raw([]);
  open: readonly string[] = $state.raw([]);
  private api: DockviewApi | null = null;
  private preset: string | null = null;
  private restoring = false;
  /** What waits: to tell of changes, and to keep the layout. */
  private telling: ReturnType<typeof setTimeout> | undefined;
  private keeping: ReturnType<typeof setTimeout> | undefined;

  start(element: HTMLElement, kindOf: (panel: string) => PanelKind | null, tab: Component<TabProps>): void {
    this.api = createDockview(element, {
      theme: { name: 'trireme', className: 'dock-theme', tabGroupIndicator: 'none' },
      className: 'dock-theme',
      disableFloatingGroups: true,
      defaultRenderer: 'onlyWhenVisible',
      createComponent: ({ id }) => new Content(id, kindOf(id) ?? { title: id, component: (() => ({})) as never }),
      createTabComponent: () => new Tab(tab),
      defaultTabComponent: 'tab',
    });
    this.api.onDidLayoutChange(() => this.changes());
    this.api.onDidActivePanelChange(() => this.changes());
    this.kindOf = kindOf;
    addEventListener('pagehide', () => this.keeping && this.keep());
  }
  private kindOf: (panel: string) => PanelKind | null = () => null;

  /** What follows from the layout, in a task behind that in which it changes, once for all its changes. */
  private changes(): void {
    this.telling ??= setTimeout(() => this.changed());
  }
  private changed(): void {
    clearTimeout(this.telling);
    this.telling = undefined;
    const { api } = this;
    if (!api || this.restoring) return;
    this.active = api.activePanel?.id ?? null;
    this.open = api.panels.map((p) => p.id);
    this.visible = api.groups.flatMap((g) => g.activePanel?.id ?? []);
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => this.keep(), SETTLED);
  }
  private keep(): void {
    clearTimeout(this.keeping);
    this.keeping = undefined;
    if (this.preset && this.api) localStorage.setItem(storeKey(this.preset), JSON.stringify(this.api.toJSON()));
  }

  /** Shows the layout that was kept for a preset; else the present one goes on. */
  usePreset(preset: string): void {
    if (this.preset === preset || !this.api) return;
    if (this.keeping) this.keep();
    this.preset = preset;
    const stored = localStorage.getItem(storeKey(preset));
    if (stored) this.restore(stored);
    if (this.api.totalPanels === 0) this.show('launch');
    this.changed();
  }
  private restore(stored: string): void {
    this.restoring = true;
    try {
      const layout = JSON.parse(stored) as SerializedDockview;
      if (Object.keys(layout.panels).every((id) => this.kindOf(id))) this.api?.fromJSON(layout);
    } catch {
      this.api?.clear();
    } finally {
      this.restoring = false;
    }
  }
  /** Everything as at the first start. */
  reset(): void {
    this.api?.clear();
    this.show('launch');
  }

  /** Brings a panel to the front, opening it where `beside` is, or in the group of the active panel. */
  show(panel: string, beside?: { readonly panel: string; readonly direction: 'right' | 'below' | 'within' }): void {
    const { api } = this;
    const kind = this.kindOf(panel);
    if (!api || !kind) return;
    const there = api.getPanel(panel);
    if (there) {
      there.api.setActive();
      return;
    }
    const reference = beside && api.getPanel(beside.panel);
    const position = reference ? { referencePanel: reference, direction: beside.direction } : undefined;
    api.addPanel({ id: panel, component: 'panel', title: kind.title, ...(position ? { position } : {}) });
  }
  close(panel: string): void {
    this.api?.getPanel(panel)?.api.close();
  }
  /** Moves a panel into a group of its own beside the others of its group. */
  split(panel: string, direction: 'right' | 'below'): void {
    const found = this.api?.getPanel(panel);
    if (!found || !this.api || found.group.panels.length < 2) return;
    const group = this.api.addGroup({ referenceGroup: found.group, direction });
    found.api.moveTo({ group, position: 'center' });
  }
  next(step: 1 | -1): void {
    if (step > 0) this.api?.activateNext({ includePanel: true });
    else this.api?.activatePrevious({ includePanel: true });
  }
}

export const layout = new Layout();
