import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { type Message, outputMessage, readMessage } from '../../../core/host/messages.ts';
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
  const received: Message[] = [];
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
  const shown = { run: 'r1', console: 'uart0', offset: 7, bytes: Uint8Array.of(0, 10, 255), more: false };
  for (const message of ['answer', outputMessage(shown)]) port2.postMessage(message);
  await tick();
  expect(sent).toEqual(['one', 'two', 'three']);
  expect(received[0]).toBe('answer');
  expect(readMessage(received[1]!)).toEqual({ event: 'console', data: shown });
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
