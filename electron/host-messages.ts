/** What passes between the main process and the host's process, beside the ports of faces. */
import * as v from 'valibot';

/** The first message to the host. */
export interface HostSetup {
  readonly kind: 'setup';
  /** Folders whose files faces may name. */
  readonly folders: readonly string[];
  readonly presets: { readonly builtIn: string; readonly own: string };
}
export type ToHost =
  | HostSetup
  /** A window; its port comes along. */
  | { readonly kind: 'face' }
  /** A file or folder that the user has chosen in a dialog or dropped. */
  | { readonly kind: 'choose'; readonly question: number; readonly path: string };

export const fromHostSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('log'), line: v.string() }),
  v.strictObject({ kind: v.literal('chosen'), question: v.number(), problem: v.nullable(v.string()) }),
  /** How many machines are on. */
  v.strictObject({ kind: v.literal('live'), count: v.number() }),
  /** An error of ours that ends the process. */
  v.strictObject({ kind: v.literal('fatal'), message: v.string() }),
]);
export type FromHost = v.InferOutput<typeof fromHostSchema>;
