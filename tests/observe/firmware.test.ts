/** What is said of firmware that does not fit the machine. */
import { describe, expect, it } from 'vitest';
import { FirmwareCheck } from '../../core/observe/firmware.ts';
import { checkFirmware } from '../../core/observe/observer.ts';
import type { FirmwareFact } from '../../core/system/api.ts';
import { runImage } from '../rme/monitor.ts';

const MECEN = 1n << 49n;
const SCTLR2EN = 1n << 44n;
const begins = (world: 'realm' | 'normal', o: Partial<Extract<FirmwareFact, { kind: 'world-begins' }>> = {}) =>
  ({ kind: 'world-begins', core: 0, world, scr: MECEN | SCTLR2EN, x1: 0x20000n, granuleChecks: true, ...o }) as const;
const started = (status: number): FirmwareFact => ({ kind: 'rmm-started', core: 0, status });
const all = (machine: { rme: boolean; mec: boolean }, facts: FirmwareFact[]): string[] => {
  const check = new FirmwareCheck(machine);
  return facts.map((fact) => check.take(fact)).flatMap((n) => (n ? [`${n.code}: ${n.message}`] : []));
};
const on = { rme: true, mec: true };

describe('what firmware did', () => {
  it('says nothing where all is well', () => {
    const good = [begins('realm'), started(0), begins('normal'), started(0)];
    expect(all(on, good)).toEqual([]);
    expect(all({ rme: true, mec: false }, [begins('realm', { scr: 0n }), started(0), begins('normal')])).toEqual([]);
    expect(all({ rme: false, mec: false }, [begins('normal', { granuleChecks: false, scr: 0n })])).toEqual([]);
  });
  it('TF-A without support of MEC on a machine with MEC (C.5)', () => {
    const facts = [begins('realm', { scr: SCTLR2EN }), begins('realm', { scr: 0n, core: 1 })];
    const [line, ...more] = all(on, facts);
    expect(more).toEqual([]);
    expect(line).toMatch(/^mec-not-enabled: MEC is on, .*SCR_EL3\.MECEn is 0.*ENABLE_FEAT_MEC=2/);
    expect(all(on, [begins('realm', { scr: MECEN })])[0]).toMatch(/SCR_EL3\.SCTLR2En is 0/);
  });
  it('firmware without RME on a machine with RME', () => {
    const [line, ...more] = all(on, [begins('normal', { granuleChecks: false })]);
    expect([line, more]).toEqual([expect.stringMatching(/^no-granule-checks: .*ENABLE_RME=1/), []]);
  });
  it('an RMM that does not fit its EL3 (D.6)', () => {
    expect(all(on, [begins('realm', { x1: 0x20000n }), started(-2), started(-2)])).toEqual([
      expect.stringMatching(
        /^rmm-failed: RMM did not start \(status -2: .*\); version 2\.0 .*v0\.8 and before want TF-A/,
      ),
    ]);
    expect(all(on, [begins('realm', { x1: 0x8n }), started(-2)])[0]).toMatch(/version 0\.8 .*v0\.9 wants TF-A v2\.15/);
    expect(all(on, [begins('realm', { x1: 0x8n }), started(-5)])[0]).toMatch(
      /shared buffer is not valid\); version 0\.8/,
    );
    expect(all(on, [begins('realm'), started(-99)])[0]).toMatch(/\(status -99\)/);
  });
  it('firmware that runs wild before it has left EL3', () => {
    const endOf = (
      machine: { rme: boolean; mec: boolean },
      facts: FirmwareFact[],
      wild: boolean,
    ): string | undefined => {
      const check = new FirmwareCheck(machine);
      for (const fact of facts) check.take(fact);
      return check.ended(wild)?.code;
    };
    expect(endOf(on, [], true)).toBe('stuck-in-root');
    expect(endOf(on, [], false)).toBeUndefined();
    expect(endOf(on, [begins('normal')], true)).toBeUndefined();
    expect(endOf({ rme: false, mec: false }, [], true)).toBeUndefined();
  });
  it('one line each', () => {
    const lines = [
      ...all(on, [begins('realm', { scr: 0n }), started(-2)]),
      ...all(on, [begins('normal', { granuleChecks: false })]),
    ];
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).not.toContain('\n');
  });
});

it('is seen by a machine at its firmware’s first steps', async () => {
  const facts: FirmwareFact[] = [];
  const said: string[] = [];
  await runImage(
    (a, core) => {
      if (core === 1) return;
      a.in('realm2', 'call', 0xc40001cfn, BigInt.asUintN(64, -6n));
      a.in('ns2', 'load', 0x40300000).in('realm2', 'load', 0x40300000);
    },
    {
      watch: (system) => {
        const ends = [
          system.on('firmware', (f) => void facts.push(f)),
          checkFirmware(system, (n) => void said.push(n.code)),
        ];
        return () => {
          for (const end of ends) end();
        };
      },
    },
  );
  expect(
    facts.map((f) => (f.kind === 'world-begins' ? [f.core, f.world, f.granuleChecks] : [f.core, f.status])),
  ).toEqual([
    [0, 'realm', true],
    [0, -6],
    [0, 'normal', true],
  ]);
  expect(said).toEqual(['rmm-failed']);
});
