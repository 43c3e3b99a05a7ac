/** Everything that is fuzzed. */
import { FILES } from './files.ts';
import { NINEP } from './ninep.ts';
import type { Target } from './target.ts';
import { VIRTIO } from './virtio.ts';

export const TARGETS: readonly Target[] = [...FILES, ...VIRTIO, ...NINEP];
