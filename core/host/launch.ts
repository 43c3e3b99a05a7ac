/**
 * What the workbench launches: the machine `virt` (`core/machines/launch.ts`), or a program on the bare machine. A preset is a
 * launch with a name.
 */
import * as v from 'valibot';
import { ENGINE_MODES, launchSchema } from '../machines/launch.ts';
import { identifier, whole } from './values.ts';

/** A program on the bare machine, as `trireme run` has it. */
export const bareLaunchSchema = v.strictObject({
  machine: v.strictObject({ type: v.literal('bare') }),
  /** A static AArch64 ELF file. */
  kernel: v.pipe(v.string(), v.nonEmpty('choose a program: a static AArch64 ELF file')),
  /** Arguments, as the semihosting command line has them. */
  append: v.optional(v.string(), ''),
  cores: v.optional(whole(1, 32), 1),
  memoryBytes: v.optional(
    v.pipe(
      whole(1 << 20, 2 ** 40),
      v.check((n) => n % 4096 === 0, 'a multiple of 4096 is needed'),
    ),
    128 << 20,
  ),
  cpu: v.optional(v.string(), 'max'),
  /** Exception level in which the program starts. */
  startEl: v.optional(v.picklist([1, 2, 3]), 1),
  engine: v.optional(v.picklist(ENGINE_MODES), 'normal'),
  deterministic: v.optional(v.boolean(), false),
  seed: v.optional(v.nullable(whole(0, 2 ** 32 - 1)), null),
  /** HLT #0xF000 is a call to the host; it opens no files. */
  semihosting: v.optional(v.boolean(), true),
});
export type BareLaunch = v.InferOutput<typeof bareLaunchSchema>;

export const isBare = (input: unknown): boolean =>
  (input as { machine?: { type?: unknown } } | null)?.machine?.type === 'bare';

export const anyLaunchSchema = v.lazy((input) => (isBare(input) ? bareLaunchSchema : launchSchema));
export type AnyLaunch = v.InferOutput<typeof anyLaunchSchema>;

export const presetSchema = v.strictObject({
  id: identifier,
  name: v.pipe(v.string(), v.trim(), v.nonEmpty('a name is needed'), v.maxLength(80)),
  /** One or two sentences. */
  description: v.optional(v.pipe(v.string(), v.maxLength(500)), ''),
  launch: anyLaunchSchema,
  /** What the user has to choose before it can be launched. */
  needs: v.optional(v.array(v.picklist(['kernel', 'bios'])), []),
  /** Of those that come with Trireme: the lowest comes first, and is what the launch panel shows at the first start. */
  rank: v.optional(whole(0, 1000), 1000),
});
export type Preset = v.InferOutput<typeof presetSchema>;

/** `builtIn`: comes with Trireme, is copied to be changed. */
export type ListedPreset = Preset & { readonly builtIn: boolean };
