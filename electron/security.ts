/** What pages may do: nothing but be ours. Electron's security checklist, where it is not a matter of a window's options. */
import type { Event, Session, WebContents, WebFrameMain } from 'electron/main';
import type { StaticFiles } from '../core/host/static-files.ts';
import type { ElectronApi } from './electron-api.ts';

export const SCHEME = 'trireme';
/** The one page. */
export const PAGE = `${SCHEME}://workbench/`;

/** Before the app is ready: the scheme is like https to Chromium. */
export function registerScheme({ protocol }: ElectronApi): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
}

/** True for addresses of the page's origin. */
export function isOurs(address: string): boolean {
  const url = URL.parse(address);
  return url !== null && url.protocol === `${SCHEME}:` && url.host === 'workbench';
}
/** True when a message comes from the page itself: not from a frame in it, nor from elsewhere. */
export function isOurFrame(frame: WebFrameMain | null): boolean {
  return frame !== null && frame.parent === null && isOurs(frame.url);
}

/** The page's files under its own scheme, and no permission, no other address, for anything in this session. */
export function secureSession(session: Session, files: StaticFiles, log: (line: string) => void): void {
  session.protocol.handle(SCHEME, (request) => {
    const url = URL.parse(request.url);
    if (!url || !isOurs(request.url) || request.method !== 'GET') return new Response(null, { status: 403 });
    const { status, headers, body } = files.answer(url.pathname);
    return new Response(new Uint8Array(Buffer.from(body)), { status, headers: { ...headers } });
  });
  // To copy is all that the page needs; it pastes by the browser's own event.
  const permitted = (permission: string, origin: string): boolean =>
    permission === 'clipboard-sanitized-write' && isOurs(origin);
  session.setPermissionRequestHandler((_contents, permission, answer, details) =>
    answer(permitted(permission, details.requestingUrl)),
  );
  session.setPermissionCheckHandler((_contents, permission, origin) => permitted(permission, origin));
  session.setDevicePermissionHandler(() => false);
  session.webRequest.onBeforeRequest((details, answer) => {
    const cancel = !isOurs(details.url) && !/^(?:devtools|blob|data):/.test(details.url);
    if (cancel) log(`refused: a request to ${JSON.stringify(details.url.slice(0, 200))}`);
    answer({ cancel });
  });
  // What the page saves comes from itself; the system's dialog asks where to.
  session.on('will-download', (event, item) => {
    if (!item.getURL().startsWith(`blob:${SCHEME}:`)) event.preventDefault();
  });
}

/** No page leads anywhere. `openExternal` gets addresses of new windows that were asked for. */
export function secureContents(
  contents: WebContents,
  log: (line: string) => void,
  openExternal: (url: string) => void,
): void {
  const stay = (event: Event, url: string): void => {
    if (url === PAGE) return;
    event.preventDefault();
    log(`refused: navigation to ${JSON.stringify(url.slice(0, 200))}`);
  };
  contents.on('will-navigate', (event) => stay(event, event.url));
  contents.on('will-frame-navigate', (event) => stay(event, event.url));
  contents.on('will-redirect', (event) => stay(event, event.url));
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    openExternal(url);
    return { action: 'deny' };
  });
}
