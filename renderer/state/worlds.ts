/** How the worlds look: everywhere the same, and never by colour alone. */
import type { World } from '../../core/host/api.ts';

export interface WorldLook {
  readonly label: string;
  readonly short: string;
  /** The CSS variable of its colour. */
  readonly color: string;
  readonly shape: string;
}

export const WORLD_LOOKS: Readonly<Record<World, WorldLook>> = {
  root: { label: 'Root', short: 'Rt', color: 'var(--world-root)', shape: '◆' },
  realm: { label: 'Realm', short: 'Rl', color: 'var(--world-realm)', shape: '●' },
  secure: { label: 'Secure', short: 'Se', color: 'var(--world-secure)', shape: '■' },
  normal: { label: 'Non-secure', short: 'NS', color: 'var(--world-normal)', shape: '▲' },
};
export const WORLDS: readonly World[] = ['root', 'realm', 'secure', 'normal'];
