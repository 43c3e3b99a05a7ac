/** The actions of the workbench. Menus, keys and the palette derive from this one list. */
export interface Action {
  readonly id: string;
  readonly title: string;
  /** Where it is in menus and the palette. */
  readonly group: 'Run' | 'View' | 'Console' | 'Launch' | 'Memory' | 'Workbench';
  /** Its own keys; `settings.keys` has the user's. */
  readonly keys?: readonly string[];
  /** Also when the keyboard belongs to a console. */
  readonly overConsole?: boolean;
  /** False, or why not: it cannot be done now. */
  readonly enabled?: () => boolean | string;
  readonly run: () => void | Promise<void>;
}

export class ActionRegistry {
  private readonly byId = new Map<string, Action>();
  private readonly userKeys: () => Readonly<Record<string, readonly string[]>>;

  /** `userKeys`: keys that the user has given to actions, by id. */
  constructor(userKeys: () => Readonly<Record<string, readonly string[]>>) {
    this.userKeys = userKeys;
  }
  add(...actions: readonly Action[]): void {
    for (const action of actions) {
      if (this.byId.has(action.id)) throw new Error(`two actions ${action.id}`);
      this.byId.set(action.id, action);
    }
  }
  get all(): readonly Action[] {
    return [...this.byId.values()];
  }
  get(id: string): Action {
    const action = this.byId.get(id);
    if (!action) throw new Error(`no action ${id}`);
    return action;
  }
  keysOf(action: Action): readonly string[] {
    return this.userKeys()[action.id] ?? action.keys ?? [];
  }
  /** Null when it can be done; otherwise why not, perhaps in no words. */
  obstacle(action: Action): string | null {
    const enabled = action.enabled?.() ?? true;
    if (enabled === true) return null;
    return enabled === false ? '' : enabled;
  }
  /** The action of a key; the later of two that have it. */
  byKey(key: string): Action | null {
    return this.all.findLast((action) => this.keysOf(action).includes(key)) ?? null;
  }
  /** Does it, if it can be done. */
  invoke(id: string): boolean {
    const action = this.get(id);
    if (this.obstacle(action) !== null) return false;
    void action.run();
    return true;
  }
  /** Actions that fit what was typed, best first; each word has to occur, or its letters in this order. */
  search(text: string): readonly Action[] {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const ranked = this.all.flatMap((action) => {
      const title = `${action.group}: ${action.title}`.toLowerCase();
      let rank = 0;
      for (const word of words) {
        const at = title.indexOf(word);
        if (at >= 0) rank += at;
        else if (subsequence(word, title)) rank += 200;
        else return [];
      }
      return [{ action, rank }];
    });
    return ranked.sort((a, b) => a.rank - b.rank).map((r) => r.action);
  }
}

function subsequence(letters: string, text: string): boolean {
  let at = -1;
  for (const letter of letters) if ((at = text.indexOf(letter, at + 1)) < 0) return false;
  return true;
}
