/**
 * What passes between the window and the main process: one channel for each purpose, each with a schema that is checked where the
 * message arrives. The host's interface does not pass here: it has a port of its own (`core/host/api.ts`).
 */
import * as v from 'valibot';

/** From the page to the main process. */
export const TO_MAIN = {
  /** Asks for a port to the host; it comes as `TO_PAGE.port`. */
  connect: 'trireme:connect',
  /** Opens a dialog; answers with a path, or null. */
  choose: 'trireme:choose',
  /** A file was dropped on the window; answers with its path once the host may use it, or null. */
  dropped: 'trireme:dropped',
  /** The actions, of which the menu is made. */
  menu: 'trireme:menu',
  /** A preset was started. */
  used: 'trireme:used',
  /** Pastes into what has the focus. */
  paste: 'trireme:paste',
} as const;

/** From the main process to the page. */
export const TO_PAGE = {
  /** With a port to the host. */
  port: 'trireme:port',
  /** The host has ended; says why. */
  ended: 'trireme:ended',
  /** An action was chosen in the menu. */
  action: 'trireme:action',
  /** A preset is to be shown: one of the list, by its id, or a file's text. */
  preset: 'trireme:preset',
} as const;

const title = v.pipe(v.string(), v.maxLength(120));
const actionId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9.]{1,64}$/));

export const menuSchema = v.pipe(
  v.array(
    v.strictObject({
      id: actionId,
      title,
      group: v.pipe(v.string(), v.regex(/^[A-Za-z]{1,20}$/)),
      /** As `Ctrl+Shift+P`; null: none. */
      key: v.nullable(v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,40}$/))),
      /** The key also works while the keyboard belongs to a console. */
      overConsole: v.boolean(),
      enabled: v.boolean(),
    }),
  ),
  v.maxLength(300),
);
export type MenuAction = v.InferOutput<typeof menuSchema>[number];

export const presetRefSchema = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,64}$/)),
  name: v.pipe(v.string(), v.nonEmpty(), v.maxLength(80)),
});
export type PresetRef = v.InferOutput<typeof presetRefSchema>;

/** What each channel to the main process takes. */
export const PAYLOADS = {
  connect: v.strictObject({}),
  choose: v.strictObject({ what: v.picklist(['file', 'folder']) }),
  dropped: v.strictObject({ path: v.pipe(v.string(), v.nonEmpty(), v.maxLength(4096)) }),
  menu: v.strictObject({ actions: menuSchema }),
  used: presetRefSchema,
  paste: v.strictObject({}),
} as const;
export type Channel = keyof typeof PAYLOADS;
export type Payload<C extends Channel> = v.InferOutput<(typeof PAYLOADS)[C]>;

/** A preset that the page is to show. */
export type PresetToShow =
  | { readonly kind: 'listed'; readonly id: string }
  | { readonly kind: 'file'; readonly name: string; readonly text: string };
