/** Several consoles in one stream: lines stay whole. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SharedLines } from '../../core/consoles/shared-lines.ts';

let text = '';
const decoder = new TextDecoder();
const lines = (): SharedLines<string> => {
  text = '';
  return new SharedLines<string>((bytes) => {
    text += decoder.decode(bytes);
  });
};
const bytes = (s: string): Uint8Array => new TextEncoder().encode(s);
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a line that comes in pieces is not broken by another console', () => {
  const shared = lines();
  shared.take('host', bytes('[ 0.422'));
  shared.take('rmm', bytes('SMC_RMI_VERSION\r\nSMC_RMI_FEATURES\r\n'));
  expect(text).toBe('[ 0.422');
  shared.take('host', bytes('252] kvm\r\n'));
  expect(text).toBe('[ 0.422252] kvm\r\nSMC_RMI_VERSION\r\nSMC_RMI_FEATURES\r\n');
  shared.take('rmm', bytes('x\r\n'));
  expect(text.endsWith('x\r\n')).toBe(true);
});
test('a prompt keeps nobody waiting for long, and one that is typed at does', () => {
  const shared = lines();
  shared.take('host', bytes('login: '));
  shared.take('rmm', bytes('call\r\n'));
  vi.advanceTimersByTime(30);
  shared.take('host', bytes('r'));
  vi.advanceTimersByTime(30);
  expect(text).toBe('login: r');
  vi.advanceTimersByTime(30);
  expect(text).toBe('login: rcall\r\n');
});
test('waiting lines that are open themselves take turns, and nothing is lost', () => {
  const shared = lines();
  for (const who of ['a', 'b', 'c']) shared.take(who, bytes(`${who}1`));
  shared.take('b', bytes(' b2'));
  vi.advanceTimersByTime(60);
  expect(text).toBe('a1b1 b2');
  vi.advanceTimersByTime(60);
  expect(text).toBe('a1b1 b2c1');
  shared.take('c', bytes('\n'));
  shared.take('a', bytes('a2'));
  shared.take('b', bytes('b3'));
  shared.flush();
  expect(text).toBe('a1b1 b2c1\na2b3');
});
