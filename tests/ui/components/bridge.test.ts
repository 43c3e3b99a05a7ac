import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { type IpcOfPage, makeBridge } from '../../../electron/bridge.ts';
import { TO_MAIN, TO_PAGE } from '../../../electron/channels.ts';

function page(answer: unknown = null) {
  const emitter = new EventEmitter();
  const asked: unknown[][] = [];
  const ipc: IpcOfPage = {
    invoke: async (...args) => {
      asked.push(args);
      return answer;
    },
    on: (channel, listener) => {
      emitter.on(channel, listener);
      return ipc as never;
    },
  };
  const bridge = makeBridge(ipc, { getPathForFile: (file) => (file.name === 'made-up' ? '' : `/home/${file.name}`) });
  return { emitter, asked, bridge };
}
const tick = () => new Promise((resolve) => setTimeout(resolve, 5));

test('messages wait for the port, in their order, and come back on it', async () => {
  const { emitter, asked, bridge } = page();
  const received: string[] = [];
  const wire = bridge.connect(
    (text) => received.push(text),
    () => {},
  );
  expect(asked).toEqual([[TO_MAIN.connect, {}]]);
  wire.send('one');
  wire.send('two');
  const { port1, port2 } = new MessageChannel();
  const sent: string[] = [];
  port2.onmessage = ({ data }) => sent.push(data);
  emitter.emit(TO_PAGE.port, { ports: [port1] });
  wire.send('three');
  port2.postMessage('answer');
  await tick();
  expect(sent).toEqual(['one', 'two', 'three']);
  expect(received).toEqual(['answer']);
  port1.close();
});

test('the end of the host is told once, and a new connection asks anew', async () => {
  const { emitter, asked, bridge } = page();
  const ends: string[] = [];
  bridge.connect(
    () => {},
    (reason) => ends.push(reason),
  );
  emitter.emit(TO_PAGE.ended, {}, 'it has ended');
  emitter.emit(TO_PAGE.ended, {}, 'again');
  expect(ends).toEqual(['it has ended']);
  bridge.connect(
    () => {},
    () => {},
  );
  expect(asked).toHaveLength(2);
});

test('only a file of the system has a path', async () => {
  const { asked, bridge } = page('/home/kernel');
  expect(await bridge.dropped(new File([], 'made-up'))).toBeNull();
  expect(asked).toEqual([]);
  expect(await bridge.dropped(new File([], 'kernel'))).toBe('/home/kernel');
  expect(asked).toEqual([[TO_MAIN.dropped, { path: '/home/kernel' }]]);
});

test('nothing of Electron is in what the page gets', () => {
  const { bridge } = page();
  expect(Object.keys(bridge).sort()).toEqual([
    'chooseFile',
    'connect',
    'dropped',
    'menu',
    'onAction',
    'onPreset',
    'paste',
    'used',
  ]);
  expect(Object.values(bridge).every((value) => typeof value === 'function')).toBe(true);
});
