/** The built renderer as files for a browser or a window, with the headers that keep everything else out. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};
/** In index.html, where the nonce of this answer goes. */
const NONCE = /__NONCE__/g;

/**
 * Nothing but the page's own files, and a connection to where they come from. `nonce`: of style elements that the terminal makes (it
 * has no other way to size its cells); scripts have none.
 */
export function contentSecurityPolicy(nonce: string | null): string {
  const style = nonce === null ? '' : ` 'nonce-${nonce}'`;
  return [
    `default-src 'none'`,
    `script-src 'self'`,
    `style-src 'self'${style}`,
    `img-src 'self' data:`,
    `font-src 'self'`,
    `connect-src 'self'`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
    `object-src 'none'`,
    `require-trusted-types-for 'script'`,
    `trusted-types svelte-trusted-html dockview`,
  ].join('; ');
}

export function securityHeaders(nonce: string | null): Record<string, string> {
  return {
    'Content-Security-Policy': contentSecurityPolicy(nonce),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
    'Permissions-Policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=()',
  };
}

export interface StaticAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

export class StaticFiles {
  private readonly folder: string;

  /** `folder`: what `vite build` made. */
  constructor(folder: string) {
    this.folder = folder;
  }
  get built(): boolean {
    return existsSync(join(this.folder, 'index.html'));
  }

  /** `path`: of a URL. Only names that a build makes are looked for. */
  answer(path: string): StaticAnswer {
    const name = path === '/' ? 'index.html' : path.slice(1);
    const type = TYPES[extname(name)];
    if (!type || !/^(?:assets\/)?[\w.-]+$/.test(name) || name.includes('..')) return this.missing();
    let body: Buffer;
    try {
      body = readFileSync(join(this.folder, name));
    } catch {
      return this.missing();
    }
    const base = { 'Content-Type': type };
    if (name === 'index.html') {
      const nonce = randomBytes(18).toString('base64url');
      const text = body.toString('utf8').replace(NONCE, nonce);
      return { status: 200, headers: { ...securityHeaders(nonce), ...base }, body: text };
    }
    // Names under assets/ carry a hash of what is in them.
    const cache: Record<string, string> = name.startsWith('assets/')
      ? { 'Cache-Control': 'private, max-age=31536000, immutable' }
      : {};
    return { status: 200, headers: { ...securityHeaders(null), ...base, ...cache }, body };
  }
  private missing(): StaticAnswer {
    const headers = { ...securityHeaders(null), 'Content-Type': 'text/plain; charset=utf-8' };
    return { status: 404, headers, body: 'not found\n' };
  }

  serve(path: string, request: IncomingMessage, response: ServerResponse): void {
    const { status, headers, body } = this.answer(path);
    response.writeHead(status, headers);
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}
