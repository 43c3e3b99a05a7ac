import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { WorkbenchServer } from '../../core/host/server.ts';
import { StaticFiles } from '../../core/host/static-files.ts';
import { testHost } from './support.ts';

async function server() {
  const { host, folder, log, program } = testHost();
  const site = join(folder, 'site');
  mkdirSync(join(site, 'assets'), { recursive: true });
  writeFileSync(join(site, 'index.html'), '<meta property="csp-nonce" nonce="__NONCE__"><title>Trireme</title>');
  writeFileSync(join(site, 'assets', 'a-1.js'), 'export {};');
  writeFileSync(join(folder, 'secret.js'), 'secret');
  const files = new StaticFiles(site);
  const started = await WorkbenchServer.start(host, {
    host: '127.0.0.1',
    port: 0,
    files,
    log: (line) => log.push(line),
  });
  onTestFinished(() => started.close());
  return { server: started, log, program };
}

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}
function get(port: number, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers, method }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    asked.on('error', reject).end();
  });
}
/** Opens the address; yields the cookie. */
async function enter(started: WorkbenchServer): Promise<string> {
  const { pathname, search } = new URL(started.newAddress());
  const { status, headers } = await get(started.port, pathname + search);
  expect(status).toBe(303);
  return String(headers['set-cookie']).split(';')[0]!;
}
/** `open`, or the status with which the socket was refused. */
function socket(port: number, headers: Record<string, string>, path = '/api'): Promise<'open' | number> {
  return new Promise((resolve) => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
    ws.on('open', () => {
      ws.close();
      resolve('open');
    });
    ws.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    ws.on('error', () => resolve(0));
  });
}

describe('server', () => {
  test('the address works once, its cookie from then on', async () => {
    const { server: started } = await server();
    const { port } = started;
    const { search } = new URL(started.newAddress());
    expect((await get(port, '/')).status).toBe(401);
    expect((await get(port, `/?token=wrong`)).status).toBe(401);
    const first = await get(port, `/${search}`);
    expect(first.status).toBe(303);
    expect(String(first.headers['set-cookie'])).toMatch(/HttpOnly; SameSite=Strict/);
    expect((await get(port, `/${search}`)).status).toBe(401);
    const cookie = String(first.headers['set-cookie']).split(';')[0]!;
    const page = await get(port, '/', { cookie });
    expect(page.status).toBe(200);
    expect((await get(port, '/', { cookie: cookie.replace(/.$/, '_') })).status).toBe(401);
  });

  test('the page has a strict policy with a nonce of its own', async () => {
    const { server: started } = await server();
    const cookie = await enter(started);
    const [one, two] = [await get(started.port, '/', { cookie }), await get(started.port, '/', { cookie })];
    const policy = String(one.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toContain('unsafe');
    const nonce = /nonce="([\w-]{20,})"/.exec(one.body)?.[1];
    expect(policy).toContain(`style-src 'self' 'nonce-${nonce}'`);
    expect(two.body).not.toContain(nonce!);
    expect((await get(started.port, '/assets/a-1.js', { cookie })).status).toBe(200);
  });

  test('other names, methods and paths are refused and logged', async () => {
    const { server: started, log } = await server();
    const cookie = await enter(started);
    const { port } = started;
    expect((await get(port, '/', { cookie, host: 'evil.example' })).status).toBe(403);
    expect((await get(port, '/', { cookie, host: `localhost:${port}` })).status).toBe(200);
    expect((await get(port, '/', { cookie }, 'POST')).status).toBe(405);
    for (const path of [
      '/../secret.js',
      '/assets/../../secret.js',
      '/%2e%2e/secret.js',
      '/assets/%2e%2e/x.js',
      '//etc/passwd',
      '/secret',
    ]) {
      const answer = await get(port, path, { cookie });
      expect(answer.status, path).not.toBe(200);
      expect(answer.body).not.toContain('secret\n');
    }
    expect(log.filter((line) => line.startsWith('refused')).length).toBeGreaterThanOrEqual(2);
  });

  test('the socket is for our own page with the cookie', async () => {
    const { server: started, log } = await server();
    const cookie = await enter(started);
    const { port } = started;
    const origin = `http://127.0.0.1:${port}`;
    expect(await socket(port, { cookie, origin })).toBe('open');
    expect(await socket(port, { cookie, origin: 'http://evil.example' })).toBe(403);
    expect(await socket(port, { cookie })).toBe(403);
    expect(await socket(port, { origin })).toBe(401);
    expect(await socket(port, { cookie: 'trireme=x', origin })).toBe(401);
    expect(await socket(port, { cookie, origin: 'http://evil.example', host: 'evil.example' })).toBe(403);
    expect(await socket(port, { cookie, origin }, '/other')).toBe(404);
    expect(log.filter((line) => line.startsWith('refused')).length).toBe(6);
  });

  test('rubbish on the wire, frames too long and binary ones do no harm', async () => {
    const { server: started } = await server();
    const cookie = await enter(started);
    const { port } = started;
    await new Promise<void>((resolve) => {
      const raw = connect(port, '127.0.0.1', () => raw.write('\x16\x03\x01 rubbish\r\n\r\n'));
      raw.on('error', () => {}).on('close', () => resolve());
    });
    const ws = new WebSocket(`ws://127.0.0.1:${port}/api`, { headers: { cookie, origin: `http://127.0.0.1:${port}` } });
    await new Promise((resolve) => ws.on('open', resolve));
    ws.send(Buffer.from([1, 2, 3]));
    ws.send('x'.repeat(8 << 20));
    await new Promise((resolve) => ws.on('close', resolve).on('error', () => {}));
    expect((await get(port, '/', { cookie })).status).toBe(200);
  });
});
