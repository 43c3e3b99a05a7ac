/** `-boot` and `-fw_cfg`: what firmware finds in fw_cfg. */
import type { Draft } from './draft.ts';
import { Properties } from './keyval.ts';

/** Times of firmware are 16 bits of milliseconds. */
const LONGEST = 0xffff;

/** What several of them say adds up; the later one counts. */
export function applyBoot(draft: Draft, text: string): void {
  const p = Properties.parse('-boot', text, 'order');
  // Drives by letter: QEMU's virt checks them and tells nobody.
  const order = p.take('order') ?? '';
  if (!/^[a-p]*$/.test(order) || new Set(order).size < order.length)
    p.fail(`order=${order}: letters from a to p are needed, each once`);
  if (p.has('once')) p.fail("once=: the machine virt cannot do that, as QEMU's cannot: bootindex= of -device");
  if (p.has('splash')) p.fail('splash=: there is no display to show it on');
  draft.boot.menu = p.takeFlag('menu') ?? draft.boot.menu;
  draft.boot.strict = p.takeFlag('strict') ?? draft.boot.strict;
  draft.boot.menuWait = p.takeNumber('splash-time', 0, LONGEST) ?? draft.boot.menuWait;
  const retry = p.takeNumber('reboot-timeout', -1, LONGEST);
  if (retry !== null) draft.boot.retryAfter = retry < 0 ? null : retry;
  p.end();
}

export function addFwCfg(draft: Draft, text: string): void {
  const p = Properties.parse('-fw_cfg', text, 'name');
  const name = p.need('name');
  const file = p.take('file');
  const string = p.take('string');
  p.end();
  if ((file === null) === (string === null)) p.fail('file= or string= is needed');
  draft.fwCfg.push({
    name,
    content: file !== null ? { from: 'file', path: draft.path(file) } : { from: 'text', text: string! },
  });
}
