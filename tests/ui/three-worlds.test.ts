/** Three worlds from the launch panel, MEC off and on: what a user does in the first minutes, in Chromium. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Bench, noBrowser, palette, start, state, terminalText, view } from './browser.ts';

const PROMPT = 'root@host:~#';
/** A machine in CI shares its cores with others. */
const PATIENCE = { timeout: 90_000 };
const mec = (page: Page) => page.getByRole('switch', { name: 'Enable MEC' }).or(page.getByLabel('Enable MEC')).first();

describe.skipIf(noBrowser !== null)(
  `three worlds in Chromium${noBrowser ? ` (${noBrowser})` : ''}`,
  { timeout: 240_000 },
  () => {
    const bench = new Bench();
    let page: Page;
    let mecids: string[] = [];

    beforeAll(async () => {
      await bench.start();
      page = await bench.open();
      page.setDefaultTimeout(PATIENCE.timeout);
      await page.evaluate(() => localStorage.setItem('trireme.settings', '{"screenReader":true}'));
      await page.reload();
    });
    afterEach(() => {
      expect(bench.errors.splice(0)).toEqual([]);
    });
    afterAll(() => bench.stop());

    const shows = (text: string | RegExp) => expect.poll(() => terminalText(page), PATIENCE).toMatch(text);
    const off = () => state(page).filter({ hasText: 'off' }).waitFor();
    /** On the console that has the keyboard; waits for the prompt behind it. */
    async function run(command: string): Promise<void> {
      await page.keyboard.type(`${command}\r`);
      // The terminal may break its line anywhere.
      const escaped = Array.from(command.slice(-20), (c) => c.replace(/[.*+?^${}()|[\]\\/]/, '\\$&')).join('\\n?');
      await shows(new RegExp(`${escaped}[^]*\\n${PROMPT} *(\\n|$)`));
    }
    async function logIn(): Promise<void> {
      await view(page, 'Consoles');
      await shows('host login:');
      await page.keyboard.type('root\r');
      await shows(PROMPT);
    }

    test('MEC off: the default preset boots; Ctrl+A goes from console to console; the guest powers off', async () => {
      await page.locator('.commands').getByText('trireme qemu').waitFor();
      expect(await page.getByRole('radio', { name: /^Three worlds/ }).getAttribute('aria-checked')).toBe('true');
      expect(await mec(page).isChecked()).toBe(false);
      await bench.shot(page, 'launch');
      await start(page);
      await shows('host login:');
      const panel = () => page.evaluate(() => document.activeElement?.closest('.view')?.textContent ?? '');
      for (const [key, world] of [
        ['2', 'Realm'],
        ['3', 'Root'],
        ['1', 'Non-secure'],
      ] as const) {
        await page.keyboard.press('Control+a');
        await page.keyboard.press(key);
        await expect.poll(panel, PATIENCE).toContain(world);
        if (key === '2') await shows('RMM_MEM_SCRUB_METHOD=2 is set but FEAT_MEC is not present');
      }
      await logIn();
      await page.keyboard.type('poweroff\r');
      await off();
      // What it showed can still be read.
      await shows('host login: root');
    });

    test('MEC on beside it, in one click; the two are compared line by line', async () => {
      await palette(page, 'MEC off against on');
      await state(page).filter({ hasText: 'running' }).waitFor();
      await page.getByText(/[1-9]\d* differences?/).waitFor();
      await page.getByRole('combobox', { name: 'Console' }).selectOption('rmm');
      const differing = page.locator('.pair.differs').filter({ hasText: 'FEAT_MEC is not present' });
      await differing.first().waitFor();
      await bench.shot(page, 'compare');
    });

    test('two realms appear with their MECIDs, and with what they are made of', async () => {
      await logIn();
      await run('mount /dev/vda2 /mnt');
      for (const name of ['one', 'two'])
        await run(`screen -md -S ${name} lkvm run --realm --realm-pv ${name} -n ${name} -k /mnt/Image -m 16`);
      await bench.shot(page, 'consoles');
      await view(page, 'Realms');
      const rows = page.getByRole('row').filter({ hasText: 'active' });
      await expect.poll(() => rows.count(), PATIENCE).toBe(2);
      const cells = await rows.evaluateAll((list) => list.map((row) => row.children[3]?.textContent?.trim()));
      // Those that its memory is in, beside those of the host; which numbers RMM takes is its own affair.
      const parts = cells.map((text) => /^(\d+)\s*host’s (\d+)$/.exec(text ?? '') ?? []);
      expect(parts.map((p) => p[2])).toEqual(['1', '2']);
      mecids = parts.map((p) => p[1] ?? '');
      expect(new Set(mecids).size).toBe(2);
      expect(await rows.getByRole('button').allTextContents()).toEqual(['one', 'two']);
      await rows.first().getByRole('button').click();
      await page.getByRole('region', { name: 'Measurements' }).getByText('by the calls that made it').first().waitFor();
      await page.getByRole('region', { name: 'Life' }).getByText('activated').waitFor();
      await page.getByRole('region', { name: 'Translation tables' }).locator('summary').first().click();
      await bench.shot(page, 'realms');
    });

    test('a granule of a realm: whose it is, and how another MECID reads it', async () => {
      await page.getByRole('region', { name: 'Execution contexts' }).getByRole('button').first().click();
      const granule = page.getByTestId('granule');
      await granule.getByText('rec of realm').waitFor();
      await granule.getByTitle('Realm', { exact: true }).first().waitFor();

      // A page of the realm's own, by its tables.
      await view(page, 'Realms');
      const tables = page.getByRole('region', { name: 'Translation tables' });
      await tables.locator('details').evaluateAll((list) => {
        for (const d of list) (d as HTMLDetailsElement).open = true;
      });
      await tables.locator('.leaf').filter({ hasText: 'data' }).getByRole('button').first().click();
      await granule.getByText('data of realm').waitFor();
      await page.getByRole('button', { name: 'MECID', exact: true }).click();
      const own = /MECID\s+(\d+)/.exec((await granule.textContent()) ?? '')![1]!;
      expect(mecids).toContain(own);
      const viewer = page.getByRole('combobox', { name: 'as seen by' });
      await viewer.first().selectOption('realm');
      await page.getByRole('spinbutton', { name: 'MECID' }).fill(own);
      await page.getByRole('button', { name: 'Compare with another viewer' }).click();
      await viewer.last().selectOption('realm');
      await page
        .getByRole('spinbutton', { name: 'MECID' })
        .last()
        .fill(mecids.find((n) => n !== own)!);
      await page.locator('.rows.encrypted').waitFor();
      await expect.poll(() => page.locator('.differs').count(), PATIENCE).toBeGreaterThan(100);
      await bench.shot(page, 'memory');
    });

    test('the host’s attack is a fault that the status bar tells of', async () => {
      await view(page, 'Consoles');
      await run('attack read one');
      await shows('granule protection fault');
      await page.getByRole('button', { name: /memory fault/ }).click();
      await page.getByText('granule protection fault, read as').first().waitFor({ state: 'attached' });
    });

    test('calls: nested, filtered, followed, exported', async () => {
      await view(page, 'Calls');
      const list = page.getByRole('region', { name: 'Calls' });
      await list.getByText('RMI_REC_ENTER').first().waitFor();
      await bench.shot(page, 'calls');
      await page.getByRole('searchbox', { name: 'Filter calls' }).fill('name:REALM_');
      await list.getByText('RMI_REALM_ACTIVATE').first().waitFor();
      await expect.poll(() => list.getByText('RMI_REALM_CREATE').count(), PATIENCE).toBe(2);
      expect(await list.getByText('REC_ENTER').count()).toBe(0);
      const download = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Export JSON lines' }).click();
      const rows = readFileSync(await (await download).path(), 'utf8')
        .trim()
        .split('\n')
        .map((l) => JSON.parse(l));
      expect(rows.filter((c) => c.name === 'RMI_REALM_CREATE' && c.result.startsWith('SUCCESS'))).toHaveLength(2);
      await page.getByRole('searchbox', { name: 'Filter calls' }).fill('');
    });

    test('worlds: residency of each core', async () => {
      await view(page, 'Worlds');
      await page.getByRole('combobox', { name: 'Span' }).selectOption({ label: 'whole run' });
      const shares = page.locator('.lanes tbody tr');
      await expect.poll(() => shares.count(), PATIENCE).toBe(2);
      const [root, realm] = await shares.first().locator('td').allTextContents();
      expect(Number.parseFloat(root!)).toBeGreaterThan(0);
      expect(Number.parseFloat(realm!)).toBeGreaterThan(0);
      await bench.shot(page, 'worlds');
      // Wheel: in, about the pointer, until single switches can be told apart.
      const lanes = page.getByRole('group', { name: /^World of each core/ });
      const time = page.getByRole('slider', { name: 'Moment' });
      await lanes.hover({ position: { x: 20, y: 20 } });
      for (let n = 0; n < 40; n++) await page.mouse.wheel(0, -200);
      await expect.poll(() => lanes.textContent(), PATIENCE).toMatch(/\d s[\d.]+ (ms|µs)/);
      const moment = await time.inputValue();
      await lanes.focus();
      await page.keyboard.press('ArrowLeft');
      await expect.poll(() => time.inputValue(), PATIENCE).not.toBe(moment);
      await page.keyboard.press('End');
      await expect.poll(() => page.getByRole('button', { name: 'Follow' }).getAttribute('aria-pressed')).toBe('true');
    });

    test('a paused core: each step of a translation, with the granule check', async () => {
      await page.keyboard.press('F6');
      await state(page).filter({ hasText: 'paused' }).waitFor();
      await view(page, 'Registers');
      await page.getByRole('tab', { name: 'Translation' }).click();
      await page.getByRole('textbox', { name: 'Virtual address' }).fill('0x48000000');
      await page.getByRole('button', { name: 'Explain' }).click();
      const steps = page.locator('.result li');
      await expect.poll(() => steps.allTextContents().then((t) => t.join('\n')), PATIENCE).toMatch(/granule check/);
      expect(await steps.first().textContent()).toContain('stage 1, level');
      await page.locator('.result p').filter({ hasText: 'Non-secure' }).filter({ hasText: '0x4800_0000' }).waitFor();
      await bench.shot(page, 'translation');
      await page.keyboard.press('F6');
      await state(page).filter({ hasText: 'running' }).waitFor();
    });

    test('what a hidden console shows is marked as unread; a panel goes beside the others', async () => {
      await view(page, 'Consoles');
      await page.keyboard.type('sleep 3\r');
      const groups = page.locator('.dv-groupview');
      await view(page, 'Launch');
      const unread = page.getByRole('button', { name: /1 host\s*, unread/ });
      await unread.click();
      await unread.waitFor({ state: 'detached' });
      await shows(PROMPT);
      const before = await groups.count();
      await palette(page, 'Split: this panel to the right');
      await expect.poll(() => groups.count(), { timeout: 20_000 }).toBe(before + 1);
      await page.reload();
      await state(page).filter({ hasText: 'running' }).waitFor();
      // The layout is kept.
      await expect.poll(() => groups.count(), { timeout: 20_000 }).toBe(before + 1);
    });

    test('reload mid-run, and a second window: the same machine', async () => {
      await page.reload();
      await state(page).filter({ hasText: 'running' }).waitFor();
      const other = await bench.open();
      await view(other, 'Realms');
      await expect.poll(() => other.getByRole('row').filter({ hasText: 'active' }).count(), PATIENCE).toBe(2);
      await other.close();
      await page.bringToFront();
      await view(page, 'Consoles');
      await shows('granule protection fault');
    });

    test('off and on again', async () => {
      await page.keyboard.type('lkvm stop -a; poweroff\r');
      await off();
      await view(page, 'Launch');
      expect(await mec(page).isChecked()).toBe(true);
      await start(page);
      await shows('host login:');
      await palette(page, 'Force off');
      await page.getByRole('dialog').getByRole('button', { name: 'Force off' }).click();
      await off();
    });
  },
);
