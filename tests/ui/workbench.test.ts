import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Bench, noBrowser, palette, powerOff, start, state, terminalText, view } from './browser.ts';

const qemu = spawnSync('qemu-system-aarch64', ['--version']).status === 0;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Findings of axe that are serious or worse, as lines. */
async function findings(page: Page): Promise<string[]> {
  // Given to the page by the debugger, which the page's policy does not hold back.
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const run = (window as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }).axe;
    interface Violation {
      readonly id: string;
      readonly impact: string;
      readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[];
    }
    const { violations } = await run.run();
    return violations
      .filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary.split('\n')[1]}`));
  });
}

describe.skipIf(noBrowser !== null)(
  `workbench in Chromium${noBrowser ? ` (${noBrowser})` : ''}`,
  { timeout: 180_000 },
  () => {
    const bench = new Bench();
    const shot = (of: Page, name: string): Promise<void> => bench.shot(of, `bare-${name}`);
    let page: Page;

    beforeAll(async () => {
      await bench.start();
      page = await bench.open();
      // A machine in CI shares its cores with others.
      page.setDefaultTimeout(90_000);
      // Terminals draw on a canvas; their text for screen readers is what a test reads.
      await page.evaluate(() => localStorage.setItem('trireme.settings', '{"screenReader":true}'));
      await page.reload();
    });
    afterEach(() => {
      expect(bench.errors.splice(0)).toEqual([]);
    });
    afterAll(() => bench.stop());

    const shows = (text: string) => expect.poll(() => terminalText(page), { timeout: 60_000 }).toContain(text);

    /** Types as a hand does, which has keys for ESC and BEL. */
    const type = async (text: string): Promise<void> => {
      const keys: Readonly<Record<string, string>> = { '\x1b': 'Escape', '\x07': 'Control+g' };
      for (const part of text.split(/([\x1b\x07])/)) {
        const key = keys[part];
        await (key ? page.keyboard.press(key) : page.keyboard.type(part));
      }
    };

    test('a machine starts from the panel, answers what is typed, and ends', async () => {
      await page.getByRole('radio', { name: /^Bare machine/ }).click();
      await page.locator('.commands').getByText('trireme run').waitFor();
      await shot(page, 'launch');
      await start(page);
      await shows('>');
      await page.keyboard.type('hello\r');
      await shows('you said hello');
      await shot(page, 'console');
      await page.keyboard.type('exit 7\r');
      await state(page).filter({ hasText: 'off, status 7' }).waitFor();
      expect(await terminalText(page)).toContain('you said hello');
    });

    test('mistakes are said as one types, and nothing starts with them', async () => {
      await view(page, 'Launch');
      const start = page.locator('.launch').getByRole('button', { name: 'Start', exact: true });
      const program = page.getByRole('textbox', { name: 'Program' });
      const good = await program.inputValue();
      await program.fill('/etc/passwd');
      await page.getByText('outside of the folders').waitFor();
      expect(await start.isDisabled()).toBe(true);
      await program.fill(good);
      await expect.poll(() => start.isDisabled()).toBe(false);
      await page.getByRole('spinbutton', { name: 'Cores' }).fill('2');
      await page.locator('.commands').getByText('--cpus 2').waitFor();
      await page.getByRole('button', { name: 'Choose…' }).click();
      await page
        .getByRole('dialog')
        .getByText('echo.elf')
        .or(page.getByRole('dialog').getByText('tests'))
        .first()
        .waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('button', { name: 'Revert' }).click();
      expect(await page.getByRole('spinbutton', { name: 'Cores' }).inputValue()).toBe('1');
    });

    test('presets are kept under a name, go out as files, and come in again; what does not fit is said', async () => {
      const button = (name: string) => page.getByRole('button', { name, exact: true });
      const preset = (name: string) => page.getByRole('radio', { name: new RegExp(`^${name}`) });
      const cores = page.getByRole('spinbutton', { name: 'Cores' });
      const give = async (text: string): Promise<void> => {
        const chooser = page.waitForEvent('filechooser');
        await button('Import…').click();
        await (await chooser).setFiles({ name: 'in.trireme', mimeType: 'application/json', buffer: Buffer.from(text) });
      };
      const problem = page.getByRole('status').filter({ hasText: 'no preset' });
      await cores.fill('3');
      await button('Save as…').click();
      await page.getByRole('dialog').getByRole('textbox').fill('Three of them');
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
      await preset('Three of them')
        .and(page.getByRole('radio', { checked: true }))
        .waitFor();
      const download = page.waitForEvent('download');
      await button('Export').click();
      const file = await download;
      expect(file.suggestedFilename()).toBe('three-of-them.trireme');
      const text = readFileSync(await file.path(), 'utf8');
      await button('Delete').click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await preset('Three of them').waitFor({ state: 'detached' });

      await give(text);
      await preset('Three of them')
        .and(page.getByRole('radio', { checked: true }))
        .waitFor();
      expect(await cores.inputValue()).toBe('3');
      for (const [bad, why] of [
        ['no JSON', 'not valid JSON'],
        ['{"name":"x"}', 'it has no name and launch'],
        [text.replace('"cores": 3', '"cores": 99'), 'cores: '],
      ] as const) {
        await give(bad);
        await problem.filter({ hasText: why }).waitFor();
      }
      expect(await cores.inputValue()).toBe('3');
      // Files of another machine: the rest is taken, and the field says what is missing.
      await give(text.replace(/"kernel": "[^"]*"/, '"kernel": "/nowhere/other.elf"'));
      await page.getByRole('status').filter({ hasText: 'names what is not here' }).waitFor();
      expect(await page.getByRole('textbox', { name: 'Program' }).inputValue()).toBe('/nowhere/other.elf');
      await button('Revert').click();
      await preset('Bare machine').click();
    });

    test('files are dropped on fields; beside them a preset is taken in, and the page stays', async () => {
      const drop = async (onto: string, name: string, text: string | Buffer): Promise<void> => {
        const files = await page.evaluateHandle(
          ([name, bytes]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(bytes)], name));
            return transfer;
          },
          [name, [...Buffer.from(text)]] as const,
        );
        for (const kind of ['dragover', 'drop'])
          await page.locator(onto).first().dispatchEvent(kind, { dataTransfer: files });
      };
      const program = page.getByRole('textbox', { name: 'Program' });
      const elf = readFileSync(new URL('../guests/elf/wild.elf', import.meta.url));
      await drop('[role="group"][aria-label="Program"]', 'wild.elf', elf);
      await expect.poll(() => program.inputValue()).toMatch(/wild\.elf$/);
      await page.getByRole('textbox', { name: 'Arguments' }).fill('j');
      // It runs for a moment only. What ran wild is told with its registers and code.
      await page.locator('.launch').getByRole('button', { name: 'Start', exact: true }).click();
      await state(page).filter({ hasText: 'off, wild' }).waitFor();
      await page.getByRole('button', { name: 'Close run' }).click();
      await view(page, 'Launch');
      await drop('header', 'stray.bin', 'x');
      await page.getByRole('status').filter({ hasText: 'Drop a file on the field' }).waitFor();
      await page.getByRole('button', { name: 'Revert' }).click();
      const launch = { machine: { type: 'bare' }, kernel: await program.inputValue() };
      await drop('header', 'dropped.trireme', JSON.stringify({ name: 'Dropped', launch }));
      await page.getByRole('radio', { name: /^Dropped/, checked: true }).waitFor();
      await page.getByRole('radio', { name: /^Bare machine/ }).click();
    });

    test('pause, registers, step, breakpoint; memory by another viewer', async () => {
      await start(page);
      await shows('>');
      await page.keyboard.press('F6');
      await state(page).filter({ hasText: 'paused' }).waitFor();
      await view(page, 'Registers');
      const here = page.locator('[aria-current="location"]');
      await here.waitFor();
      const before = await here.textContent();
      await shot(page, 'registers');
      await page.keyboard.press('F10');
      await expect.poll(() => here.textContent()).not.toBe(before);
      await page.getByRole('tab', { name: 'System' }).click();
      await page.getByRole('searchbox', { name: 'Search system registers' }).fill('SCTLR_EL1');
      await page.getByRole('button', { name: 'SCTLR_EL1' }).click();
      await page.getByRole('cell', { name: 'writable memory is not executable' }).waitFor();
      await page.getByRole('tab', { name: 'SIMD' }).click();
      await expect.poll(() => page.getByRole('row').count()).toBeGreaterThanOrEqual(32);

      await view(page, 'Memory');
      await page.getByRole('textbox', { name: 'Address' }).fill('0x40080000');
      await page.keyboard.press('Enter');
      const bytes = page.getByRole('region', { name: 'Bytes as seen by physical' });
      await expect.poll(() => bytes.textContent()).toMatch(/0x00_4008_0000 [0-9a-f]{32}/);
      await expect.poll(() => bytes.locator('.byte:not(.zero)').count()).toBeGreaterThan(50);
      await page.getByRole('button', { name: 'Compare with another viewer' }).click();
      await page.getByRole('combobox', { name: 'as seen by' }).last().selectOption('core:0');
      const others = page.getByRole('region', { name: 'Bytes as seen by core:0' });
      await expect.poll(() => others.locator('.byte:not(.zero)').count()).toBeGreaterThan(50);
      expect(await page.locator('.differs').count()).toBe(0);
      await shot(page, 'memory');
      await page.keyboard.press('F6');
      await state(page).filter({ hasText: 'running' }).waitFor();
    });

    test('reload while it runs: the same run, the same output, and it goes on', async () => {
      await page.keyboard.press('Alt+2');
      await page.keyboard.type('before\r');
      await shows('you said before');
      await page.reload();
      await state(page).filter({ hasText: 'running' }).waitFor();
      await view(page, 'Consoles');
      await shows('you said before');
      await page.keyboard.type('after\r');
      await shows('you said after');
      const text = await terminalText(page);
      expect(text.match(/you said before/g)?.length).toBe(1);
    });

    test('two windows see one machine; Ctrl+A reaches the guest twice over', async () => {
      const other = await bench.open();
      await view(other, 'Consoles');
      await other.keyboard.type('from the other\r');
      await shows('you said from the other');
      await expect.poll(() => terminalText(other)).toContain('you said from the other');
      await other.close();
      await page.bringToFront();
      await view(page, 'Consoles');
      const focused = () => page.evaluate(() => document.activeElement?.className ?? '');
      await expect.poll(focused).toContain('xterm-helper-textarea');
      await page.keyboard.press('Control+a');
      await page.keyboard.press('a');
      await page.keyboard.press('Control+a');
      await page.keyboard.press('1');
      await page.keyboard.type('x\r');
      // U+0001 arrives once; the digit was the workbench's.
      await shows('you said');
      await expect.poll(() => terminalText(page)).toMatch(/you said .?x/);
      expect(await terminalText(page)).not.toContain('1x');
    });

    test('search, lines with times, merged consoles', async () => {
      await page.getByRole('button', { name: 'Search', exact: true }).click();
      await page.getByRole('textbox', { name: 'Search in this console' }).fill('you said');
      await expect.poll(() => page.locator('.count').textContent()).toMatch(/\d+ of [3-9]/);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Lines with times' }).click();
      await page.getByRole('region', { name: 'Lines' }).getByText('you said before').waitFor();
      expect(await page.locator('.time').first().textContent()).toMatch(/\d+\.\d{6}/);
      await page.getByRole('button', { name: 'Lines with times' }).click();
      await palette(page, 'all consoles merged');
      await page.getByRole('region', { name: 'Lines' }).getByText('you said after').waitFor();
    });

    test('pasting several lines asks first', async () => {
      await view(page, 'Consoles');
      const paste = (text: string) =>
        page.evaluate((data) => {
          const clipboard = new DataTransfer();
          clipboard.setData('text/plain', data);
          const target = document.querySelector('.terminal-holder textarea')!;
          target.dispatchEvent(
            new ClipboardEvent('paste', { clipboardData: clipboard, bubbles: true, cancelable: true }),
          );
        }, text);
      await paste('one\ntwo\n');
      await page.getByRole('dialog').getByText('Paste 2 lines?').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
      await paste('single');
      await page.keyboard.press('Enter');
      await shows('you said single');
      expect(await terminalText(page)).not.toContain('you said one');
    });

    test('what a guest shows cannot open links, copy, or type by itself', async () => {
      await type('\x1b]52;c;aGFja2Vk\x07\x1b[c\x1b[6n\x1b]0;owned\x07done\r');
      await shows('you said done');
      expect(await page.title()).toContain('Trireme');
      expect(await page.title()).not.toContain('owned');
    });

    test('rows that are kept, moved and made anew show what a terminal shows that makes all of them', async () => {
      const rows = () =>
        page
          .locator('.xterm-rows > div')
          .evaluateAll((list) => list.map((row) => row.innerHTML.replace(/ xterm-cursor-\w+/g, '')));
      // Colours, lines that are put above others, cursors that are left behind.
      const lines = ['\x1b[31mred\x1b[0m', '\x1b[44;1mon blue\x1b[0m', 'plain', '\x1b[4munder\x1b[0m', '\x1b[3Labove'];
      for (let n = 0; n < 40; n++) {
        await type(`${n} ${n === 9 ? '\x1b[2J\x1b[H' : lines[n % lines.length]}\r`);
        if (n % 8 === 0) await shows(`you said ${n} `);
        if (n % 16 === 10) {
          await page.mouse.move(500, 400);
          await page.mouse.wheel(0, -200);
          await page.waitForTimeout(50);
          await page.mouse.wheel(0, 10_000);
        }
      }
      await shows('you said 39');
      await page.waitForTimeout(300);
      const kept = await rows();
      // Another size and back: all rows are made.
      await palette(page, 'larger text');
      await palette(page, 'smaller text');
      await page.waitForTimeout(300);
      expect(await rows()).toEqual(kept);
      for (const part of ['xterm-fg-1', 'xterm-bg-4', 'xterm-underline-1', 'above'])
        expect(kept.join('\n')).toContain(part);
    });

    test('a flood of output arrives whole', async () => {
      const count = 300_000;
      // Each row is made once a frame, however many lines scroll by: `drawing.ts` reaches into xterm for that.
      const twice = await page.evaluateHandle(() => {
        const drawn = new Map<Node, CSSNumberish | null>();
        const counts = { once: 0, twice: 0 };
        new MutationObserver((records) => {
          for (const { target } of records) {
            const now = document.timeline.currentTime;
            if (drawn.get(target) === now) counts.twice++;
            else counts.once++;
            drawn.set(target, now);
          }
        }).observe(document.querySelector('.xterm-rows')!, { childList: true, subtree: true });
        return counts;
      });
      await page.keyboard.type(`flood ${count}\r`);
      await expect.poll(() => terminalText(page), { timeout: 120_000 }).toMatch(/[a-z]{20,}\n>/);
      const saved = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Save as text' }).click();
      const text = readFileSync(await (await saved).path(), 'utf8');
      const alphabet = 'abcdefghijklmnopqrstuvwxyz';
      expect(text.includes(alphabet.repeat(Math.ceil(count / 26)).slice(0, count))).toBe(true);
      const counts = await twice.jsonValue();
      expect(counts.once).toBeGreaterThan(40);
      expect(counts.twice).toBeLessThan(counts.once / 4);
    });

    test('off and on again: two runs to compare', async () => {
      await powerOff(page);
      await start(page);
      await shows('>');
      await page.keyboard.type('something else\r');
      await shows('you said something else');
      await view(page, 'Compare');
      await page.getByText(/\d+ differences?/).waitFor();
      await page.locator('.pair.differs').first().waitFor();
      await shot(page, 'compare');
      await powerOff(page);
    });

    test.skipIf(!qemu)('QEMU beside it: the same program, in the same consoles, to compare', async () => {
      await start(page);
      await shows('>');
      await view(page, 'Launch');
      await page.getByRole('button', { name: 'Start on QEMU' }).click();
      await page.getByText('(QEMU)').waitFor();
      await shows('>');
      await page.keyboard.type('hello\r');
      await shows('you said hello');
      await view(page, 'Compare');
      expect(await page.getByRole('combobox', { name: 'Right run' }).locator('option:checked').innerText()).toContain(
        'on QEMU',
      );
      await page.locator('.pair.differs').first().waitFor();
      await shot(page, 'qemu');
      await view(page, 'Worlds');
      await page.getByText('This machine runs on QEMU').waitFor();
      await powerOff(page);
      // The other one goes on.
      const chooser = page.getByRole('combobox', { name: 'Run', exact: true });
      const running = (await chooser.locator('option').allInnerTexts()).find((text) => text.endsWith('running'))!;
      await chooser.selectOption({ label: running });
      await powerOff(page);
    });

    test('each view, theme and size is without serious findings of axe', async () => {
      for (const theme of ['dark', 'light', 'high contrast']) {
        await palette(page, `theme: ${theme}`);
        for (const name of ['Launch', 'Consoles', 'Worlds', 'Realms', 'Memory', 'Calls', 'Registers', 'Compare']) {
          await view(page, name);
          await page.waitForTimeout(60);
          expect(await findings(page), `${theme}, ${name}`).toEqual([]);
          await shot(page, `${theme}-${name}`);
        }
      }
      await page.keyboard.press('Control+Shift+P');
      expect(await findings(page)).toEqual([]);
      await shot(page, 'palette');
      await page.keyboard.press('Escape');
      await page.setViewportSize({ width: 680, height: 425 });
      await view(page, 'Launch');
      expect(await findings(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      await shot(page, 'small');
      await page.setViewportSize({ width: 1360, height: 850 });
    });
  },
);
