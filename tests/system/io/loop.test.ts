import { expect, test } from 'vitest';
import { IO_WORDS, IoControl } from '../../../core/system/io/control.ts';
import { serveIo } from '../../../core/system/io/loop.ts';

/** A service with so much to do, told to end before it looks. */
function ended(work: number): string[] {
  const words = new Int32Array(new SharedArrayBuffer(4 * IO_WORDS));
  const done: string[] = [];
  let left = work;
  void new IoControl(words).end(1);
  serveIo(
    {
      service: () => {
        if (left === 0) return false;
        left--;
        done.push('served');
        return true;
      },
      close: () => void done.push('closed'),
    },
    words,
  );
  return done;
}

test('what was asked for before the end is still done, and then all is closed', () => {
  expect(ended(3)).toEqual(['served', 'served', 'served', 'closed']);
});
test('the end comes even if there is always something to do', () => {
  const done = ended(1e9);
  expect(done.at(-1)).toBe('closed');
  expect(done.length).toBeLessThan(10_000);
});
