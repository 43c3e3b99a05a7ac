/** The other models of the memory protection engine: 0xdeadbeef as in QEMU's RFC, with its flaw, and none. */
import { beforeAll, describe, expect, it } from 'vitest';
import { PAGE, PAS, type RmeWorld, VA } from '../rme/world.ts';
import type { TranslationMachine } from '../translation/machine.ts';
import { type Protected, protectedMachine, realm, realmAccesses } from './machine.ts';

let p: Protected;
let m: TranslationMachine;
let w: RmeWorld;
beforeAll(() => {
  p = protectedMachine();
  m = p.m;
});
const { as, tablesAs, load, store } = realmAccesses(() => w);
const JUNK = 0xdeadbeef_deadbeefn;

/** Context 5 has stored 1 at VA and a number elsewhere; context 6 runs. */
function storedBy5(elsewhere: bigint, number: bigint): void {
  w = realm(p, 'deadbeef');
  as(5);
  store(VA, 1n);
  store(elsewhere, number);
  as(6);
}

describe('deadbeef', () => {
  it('another MECID reads 0xdeadbeef everywhere, the own one the text', () => {
    storedBy5(VA + 8n, 2n);
    expect([0n, 8n, 0xff8n].map((i) => load(VA + i))).toEqual([JUNK, JUNK, JUNK]);
    as(5);
    expect([load(VA), load(VA + 8n)]).toEqual([1n, 2n]);
    expect(p.engine.pageAs(Number(PAGE), PAS.realm, 6)!.subarray(0, 4)).toEqual(
      new Uint8Array([0xef, 0xbe, 0xad, 0xde]),
    );
  });
  it('its known flaw: one store gives the whole page away, text and all', () => {
    storedBy5(VA + 8n, 2n);
    store(VA, 3n);
    expect([load(VA), load(VA + 8n)]).toEqual([3n, 2n]);
    as(5);
    expect(load(VA + 8n)).toBe(JUNK);
  });
  it('a load after a store of another context does not come from the TLB', () => {
    w = realm(p, 'deadbeef');
    as(5);
    store(VA, 1n);
    expect(load(VA)).toBe(1n);
    as(6);
    store(VA, 3n);
    expect(load(VA)).toBe(3n);
    as(5);
    expect(load(VA)).toBe(JUNK);
    as(6);
    expect(load(VA)).toBe(3n);
  });
  it('what it shows instead of a page can’t be written to', () => {
    storedBy5(VA + 0x1000n, 1n);
    expect(load(VA)).toBe(JUNK);
    store(VA, 3n);
    expect([load(VA), load(VA + 0x1000n)]).toEqual([3n, JUNK]);
  });
  it('walks look at no tags', () => {
    w = realm(p, 'deadbeef');
    tablesAs(5);
    const table = m.host(w.w.lower.entry(VA, 3) & ~0xfffn)!;
    expect(p.engine.claim(0, table, p.engine.owner(PAS.realm, 6))).toBe(1);
    expect(m.translate(VA, 3)).toMatchObject({ pa: PAGE });
  });
  it('pages without a tag are context 0’s; other worlds and accesses without contexts see the text', () => {
    w = realm(p, 'deadbeef');
    m.write64(PAGE, 77n);
    as(0);
    expect(load(VA)).toBe(77n);
    as(5);
    expect(load(VA)).toBe(JUNK);
    m.reg('SCTLR2_EL2', 0n);
    w.in(PAS.realm);
    m.call('dropAll');
    expect(load(VA)).toBe(77n);
    w.in(PAS.nonSecure);
    expect(load(VA)).toBe(77n);
  });
  it('observers see of a page, with a tag and without, what accesses find', () => {
    w = realm(p, 'deadbeef');
    m.write64(PAGE, 77n);
    const seen = (pas: number, mecid: number): bigint => {
      const page = p.engine.pageAs(Number(PAGE), pas, mecid)!;
      return new DataView(page.buffer, page.byteOffset).getBigUint64(0, true);
    };
    expect([seen(PAS.realm, 0), seen(PAS.realm, 5), seen(PAS.nonSecure, 0), seen(PAS.root, 0)]).toEqual([
      77n,
      JUNK,
      77n,
      77n,
    ]);
    as(5);
    store(VA, 78n);
    expect([seen(PAS.realm, 0), seen(PAS.realm, 5), seen(PAS.nonSecure, 0)]).toEqual([JUNK, 78n, 78n]);
  });
});

it('off: every context sees the same bytes, and the engine is never asked', () => {
  w = realm(p, 'off');
  as(5);
  store(VA, 9n);
  as(6);
  expect(load(VA)).toBe(9n);
  w.in(PAS.nonSecure);
  expect(load(VA)).toBe(9n);
  expect(p.calls).toEqual({ claims: 0, wipes: 0 });
});
