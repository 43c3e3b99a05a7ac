import { createRawSnippet, flushSync, mount, unmount } from 'svelte';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { ToFace } from '../../../core/host/api.ts';
import { ApiError, Client, type WireEvents } from '../../../renderer/api/client.ts';
import { LaunchState, valueAt, withValue } from '../../../renderer/state/launch.svelte.ts';
import { notices } from '../../../renderer/state/notices.svelte.ts';
import { Pages } from '../../../renderer/state/pages.svelte.ts';
import { changedNames, fieldOf, matches } from '../../../renderer/state/registers.svelte.ts';
import { storedSettings, themeInForce } from '../../../renderer/state/settings.svelte.ts';
import { Workbench, workbench } from '../../../renderer/state/workbench.svelte.ts';
import Lost from '../../../renderer/ui/Lost.svelte';
import VirtualList from '../../../renderer/ui/VirtualList.svelte';

/** A host at the other end of a wire: answers by method. */
function wired(answers: Record<string, (params: never) => unknown>) {
  const sent: { id: number; method: string; params: unknown }[] = [];
  let events: WireEvents | undefined;
  const client = new Client((given) => {
    events = given;
    return {
      send: (text) => {
        const request = JSON.parse(text);
        sent.push(request);
        const answer = answers[request.method];
        if (!answer) return;
        queueMicrotask(() =>
          given.message(JSON.stringify({ id: request.id, result: answer(request.params as never) })),
        );
      },
      close: () => {},
    };
  });
  return { client, sent, tell: (message: ToFace) => events!.message(JSON.stringify(message)), events: () => events! };
}
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));
const bare = { machine: { type: 'bare' }, kernel: 'a.elf', cores: 1 };
const preset = (id: string) => ({ id, name: id, description: '', builtIn: true, launch: bare }) as never;
const summary = (id: string, state = 'running') => ({ notices: [], id, state, consoles: [], cores: 1 }) as never;

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

describe('client', () => {
  test('answers find their question; errors are errors; events their listeners', async () => {
    const { client, sent, tell, events } = wired({});
    client.connect();
    events().opened();
    const [first, second] = [client.request('hello', {}), client.request('runs.list', {})];
    tell({ id: sent[1]!.id, result: { runs: [] } });
    tell({ id: sent[0]!.id, error: { code: 'user', message: 'no' } });
    expect(await second).toEqual({ runs: [] });
    await expect(first).rejects.toEqual(new ApiError('user', 'no'));
    const seen: unknown[] = [];
    const stop = client.on('presets', (data) => seen.push(data));
    tell({ event: 'presets', data: {} });
    stop();
    tell({ event: 'presets', data: {} });
    expect(seen.length).toBe(1);
  });
  test('a lost connection ends what waits, and comes back', async () => {
    vi.useFakeTimers();
    const { client, events } = wired({});
    const states: boolean[] = [];
    client.onState = (open) => states.push(open);
    client.connect();
    events().opened();
    const waiting = client.request('hello', {});
    events().closed('gone');
    await expect(waiting).rejects.toMatchObject({ code: 'lost' });
    await expect(client.request('hello', {})).rejects.toMatchObject({ code: 'lost' });
    vi.advanceTimersByTime(1000);
    events().opened();
    expect(states).toEqual([true, false, true]);
    vi.useRealTimers();
  });
});

describe('workbench', () => {
  test('takes in the runs that are there, follows new ones, and lets closed ones go', async () => {
    const { client, tell, events } = wired({
      hello: () => ({ version: 1 }),
      'runs.list': () => ({ runs: [summary('r1', 'ended'), summary('r2')] }),
      'presets.list': () => ({ presets: [] }),
    });
    const bench = new Workbench(client);
    client.connect();
    events().opened();
    await settled();
    expect(bench.chosen).toBe('r2');
    expect(bench.run?.state).toBe('running');
    tell({ event: 'run', data: { id: 'r2', run: summary('r2', 'paused') } });
    expect(bench.run?.state).toBe('paused');
    tell({ event: 'run', data: { id: 'r2', run: null } });
    expect(bench.chosen).toBe('r1');
  });
});

describe('launch', () => {
  test('a value deep inside changes in a copy', () => {
    const draft = { a: { b: [{ c: 1 }, { c: 2 }] } };
    const changed = withValue(draft, 'a.b.1.c', 3);
    expect(valueAt(changed, 'a.b.1.c')).toBe(3);
    expect(valueAt(draft, 'a.b.1.c')).toBe(2);
    expect(Array.isArray((changed.a as { b: unknown }).b)).toBe(true);
  });
  test('checks as one types; an answer to an older draft does not count; starts what is shown', async () => {
    const checks: unknown[] = [];
    const { client, sent, tell, events } = wired({
      'launch.start': () => ({ run: 'r9' }),
    });
    client.connect();
    events().opened();
    const bench = new Workbench(client);
    const launch = new LaunchState(bench);
    // Nothing can be started while there is nothing to start.
    expect([launch.empty, await launch.start()]).toEqual([true, null]);
    expect(sent.filter((m) => m.method === 'launch.start')).toEqual([]);
    launch.begin([preset('one'), preset('two')]);
    expect(launch.preset?.id).toBe('one');
    await settled();
    launch.set('cores', 99);
    await new Promise((resolve) => setTimeout(resolve, 80));
    const asked = sent.filter((m) => m.method === 'launch.check');
    expect(asked.length).toBe(2);
    const none = { trireme: null, qemu: null };
    tell({ id: asked[1]!.id, result: { problems: [{ field: 'cores', message: 'at most 32' }], commands: none } });
    tell({ id: asked[0]!.id, result: { problems: [], commands: none } });
    await settled();
    flushSync();
    expect(launch.problem('cores')).toBe('at most 32');
    expect(launch.changed).toBe(true);
    expect(await launch.start()).toBe('r9');
    expect(sent.at(-1)!.params).toMatchObject({ launch: { cores: 99 }, preset: 'one', on: 'trireme' });
    launch.revert();
    expect(launch.changed).toBe(false);
    expect(checks).toEqual([]);
  });
});

describe('lost records', () => {
  test('are said where what was lost would be, and only then', () => {
    const target = document.createElement('div');
    const shown = mount(Lost, { target });
    workbench.statuses = { r1: { lost: 0 } as never };
    workbench.chosen = 'r1';
    flushSync();
    expect(target.textContent).toBe('');
    workbench.statuses = { r1: { lost: 1234 } as never };
    flushSync();
    expect(target.textContent).toContain('1,234 records of what the machine did were lost');
    workbench.chosen = null;
    void unmount(shown);
  });
});

describe('long lists', () => {
  test('show the rows in sight; a row that scrolls out is used again for the one that comes in', () => {
    const target = document.createElement('div');
    document.body.append(target);
    const row = createRawSnippet((index: () => number) => ({ render: () => `<span>row ${index()}</span>` }));
    const shown = mount(VirtualList, { target, props: { total: 1000, rowHeight: 20, label: 'rows', row } });
    flushSync();
    const box = target.querySelector<HTMLElement>('.list')!;
    const elements = () => [...target.querySelectorAll('.row')];
    const before = new Set(elements());
    expect(before.size).toBeLessThan(30);
    box.scrollTop = 400;
    box.dispatchEvent(new Event('scroll'));
    flushSync();
    expect(elements().every((e) => before.has(e))).toBe(true);
    void unmount(shown);
  });

  test('fetch the pages in sight, each once, and more when there is more', async () => {
    let total = 1000;
    const asked: number[] = [];
    const pages = new Pages<number>(async (first, count) => {
      asked.push(first);
      return { first, total, rows: Array.from({ length: Math.min(count, total - first) }, (_, n) => first + n) };
    });
    await pages.refresh();
    expect(pages.total).toBe(1000);
    pages.want(350, 420);
    pages.want(350, 420);
    await settled();
    expect(asked).toEqual([0, 300, 400]);
    expect(pages.get(399)).toBe(399);
    expect(pages.get(600)).toBeUndefined();
    total = 1001;
    await pages.refresh();
    await pages.refresh();
    expect(pages.get(1000)).toBe(1000);
  });
  test('an effect that looks for more runs when it is told to, not whenever there is more', async () => {
    let [total, fetched, ran] = [0, 0, 0];
    const pages = new Pages<number>(async () => {
      fetched++;
      return { first: 0, total: ++total, rows: [] };
    });
    const stop = $effect.root(() => {
      $effect(() => {
        ran++;
        void pages.refresh();
      });
    });
    flushSync();
    await settled();
    flushSync();
    await settled();
    expect([ran, fetched]).toEqual([1, 1]);
    stop();
  });
  test('rows that are kept no more are absent, not shifted', async () => {
    let fetched = 0;
    const pages = new Pages<string>(async () => {
      fetched++;
      return { first: 50, total: 60, rows: Array.from({ length: 10 }, (_, n) => `row ${n + 50}`) };
    });
    await pages.refresh();
    pages.want(0, 60);
    await settled();
    expect(fetched).toBe(1);
    expect(pages.get(49)).toBeUndefined();
    expect(pages.get(50)).toBe('row 50');
    expect([49, 50, 60].map((index) => pages.isGone(index))).toEqual([true, false, false]);
  });
});

describe('registers', () => {
  test('fields, what changed, and what a search finds', () => {
    expect(fieldOf(0xf000_0000n, 31, 28)).toBe(15n);
    expect(fieldOf(1n << 63n, 63, 63)).toBe(1n);
    expect([...changedNames({ x0: '0x1', x1: '0x2' }, { x0: '0x1', x1: '0x3', x2: '0x0' })]).toEqual(['x1', 'x2']);
    const register = {
      ...{ name: 'SCTLR_EL1', title: 'System Control Register (EL1)', area: 'control' },
      fields: [{ name: 'WXN', msb: 19, lsb: 19, meaning: '' }],
    };
    expect(matches('sctlr wxn', register)).toBe(true);
    expect(matches('sctlr nosuch', register)).toBe(false);
  });
});

describe('settings', () => {
  test('damaged or foreign values fall back, good ones stay', () => {
    expect(storedSettings('{').fontSize).toBe(13);
    const stored = storedSettings('{"fontSize":"big","theme":"light","nosuch":1}');
    expect(stored.fontSize).toBe(13);
    expect(stored.theme).toBe('light');
    expect('nosuch' in stored).toBe(false);
  });
  test('the theme follows the system only where it was asked to', () => {
    expect(themeInForce('light', () => true)).toBe('light');
    expect(themeInForce('system', (q) => q.includes('light'))).toBe('light');
    expect(themeInForce('system', () => true)).toBe('contrast');
    expect(themeInForce('system', () => false)).toBe('dark');
  });
});

describe('notices', () => {
  test('the same error once more is not shown twice', () => {
    notices.error('no such file');
    notices.error('no such file');
    expect(notices.list.filter((n) => n.text === 'no such file').length).toBe(1);
    notices.dismiss(notices.list[0]!.id);
    expect(notices.list).toEqual([]);
  });
});
