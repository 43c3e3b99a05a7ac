/** Encryption contexts and physical address spaces by name. */
import type { Context } from '../arch/encryption/engine.ts';
import { isContext, mecidOfOwner, OWNER, pasOf } from '../arch/encryption/layout.ts';
import { WORLDS, type World } from '../system/console-tag.ts';

/** Whose plain text a page holds. */
export interface PageOwner {
  /** Physical address space; encrypted apart from each other, except `normal`, which is not encrypted. */
  readonly pas: World;
  /** Null outside of the Realm address space: there are no MECIDs. */
  readonly mecid: number | null;
  /** How often the context's key was renewed. */
  readonly generation: number;
}

export const worldNumber = (world: World): number => WORLDS.indexOf(world);

export function ownerOf({ pas, mecid, generation }: Context): PageOwner {
  const world = WORLDS[pas & 3]!;
  return { pas: world, mecid: world === 'realm' ? mecid : null, generation };
}
/** The owner that a word of the memory protection engine names; null: nobody. */
export function ownerOfWord(word: number): PageOwner | null {
  if (!isContext(word)) return null;
  return ownerOf({ pas: pasOf(word), mecid: mecidOfOwner(word), generation: (word >>> OWNER.generationShift) - 1 });
}
