import { beforeEach, describe, expect, test } from 'vitest';
import { bytesOf, encodePacket, fromHex, PacketReader, toHex } from '../../core/debug/gdb/packet.ts';
import { GdbSession } from '../../core/debug/gdb/session.ts';
import { describeTarget } from '../../core/debug/gdb/target.ts';
import { parseVCont } from '../../core/debug/gdb/vcont.ts';
import { FakeSystem } from '../support/fake-system.ts';

const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
const little = (value: bigint, bytes: number): string => {
  const buffer = new Uint8Array(8);
  new DataView(buffer.buffer).setBigUint64(0, value, true);
  return toHex(buffer.subarray(0, bytes));
};

describe('packets', () => {
  test('are framed, summed and escaped', () => {
    expect(ascii(encodePacket('OK'))).toBe('$OK#9a');
    expect(ascii(encodePacket(''))).toBe('$#00');
    const odd = '}$#*\x00\xff';
    const reader = new PacketReader();
    expect(reader.feed(encodePacket(odd))).toEqual([{ kind: 'packet', data: odd }]);
  });
  test('arrive in pieces, between acknowledgements and interrupts', () => {
    const reader = new PacketReader();
    const got = [...'+$g#67-\x03$m0,4#fd'].flatMap((c) => reader.feed(bytesOf(c)));
    expect(got).toEqual([
      { kind: 'ack' },
      { kind: 'packet', data: 'g' },
      { kind: 'nack' },
      { kind: 'interrupt' },
      { kind: 'packet', data: 'm0,4' },
    ]);
  });
  test('with a wrong sum are damaged, cut off ones are dropped, noise is ignored', () => {
    const reader = new PacketReader();
    expect(reader.feed(bytesOf('$OK#00'))).toEqual([{ kind: 'damaged' }]);
    expect(reader.feed(bytesOf('hello$par$OK#9a'))).toEqual([{ kind: 'packet', data: 'OK' }]);
    expect(reader.feed(bytesOf(`$${'x'.repeat(2 << 20)}$OK#9a`))).toEqual([{ kind: 'packet', data: 'OK' }]);
  });
  test('random bytes never throw', () => {
    const reader = new PacketReader();
    let seed = 1;
    for (let i = 0; i < 3000; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      reader.feed(bytesOf('$#}*+\x03gmMX0123zZ'.charAt(seed >>> 28) + String.fromCharCode((seed >>> 8) & 0xff)));
    }
  });
});

test('vCont actions by thread', () => {
  const actions = (text: string, cores: number) => parseVCont(text, cores)?.actions ?? null;
  expect(actions('c', 2)).toEqual(['run', 'run']);
  expect(actions('s:1;c', 3)).toEqual(['step', 'run', 'run']);
  expect(actions('s:2', 2)).toEqual(['halt', 'step']);
  expect(actions('C05:1;S05:-1', 2)).toEqual(['run', 'step']);
  expect(actions('c:0', 2)).toEqual(['run', 'halt']);
  expect(actions('t:1;c', 2)).toEqual(['halt', 'run']);
  expect(actions('x', 2)).toBeNull();
  expect(actions('', 2)).toBeNull();
  expect(actions('r40,', 2)).toBeNull();
  expect(parseVCont('r4000,40a0:2;c:-1', 2)).toEqual({
    actions: ['run', 'step'],
    range: { core: 1, start: 0x4000n, end: 0x40a0n },
  });
  expect(parseVCont('s:1;c', 2)!.range).toBeNull();
});

test('the target description numbers registers as they are kept', () => {
  const { registers, inG, xml } = describeTarget(['SCTLR_EL1']);
  const names = [...xml.matchAll(/<reg name="([^"]+)" bitsize="(\d+)"/g)].map((m) => [m[1], Number(m[2]) / 8]);
  expect(names).toEqual(registers.map((r) => [r.name, r.bytes]));
  expect(registers.slice(0, 34).map((r) => r.name)).toEqual([
    ...Array.from({ length: 31 }, (_, n) => `x${n}`),
    ...['sp', 'pc', 'cpsr'],
  ]);
  expect(inG).toBe(68);
});

describe('session', () => {
  let system: FakeSystem;
  let session: GdbSession;
  let out: string[] = [];
  let closed = false;

  beforeEach(async () => {
    system = new FakeSystem({ cores: 2 });
    out = [];
    closed = false;
    const reader = new PacketReader();
    session = new GdbSession(system, {
      send: (bytes) => {
        for (const item of reader.feed(bytes)) if (item.kind === 'packet') out.push(item.data);
      },
      close: () => {
        closed = true;
      },
    });
    await ask('QStartNoAckMode');
  });
  async function ask(data: string): Promise<string | undefined> {
    out = [];
    await session.receive(encodePacket(data));
    return out[0];
  }
  /** For commands that answer when the system stops. */
  async function runTo(data: string): Promise<string> {
    await ask(data);
    while (out.length === 0) await new Promise((resolve) => setImmediate(resolve));
    return out[0]!;
  }

  test('acknowledges until told not to', async () => {
    const raw: string[] = [];
    const other = new GdbSession(system, { send: (b) => void raw.push(ascii(b)), close: () => {} });
    await other.receive(encodePacket('qAttached'));
    await other.receive(bytesOf('$qAttached#00'));
    await other.receive(bytesOf('-'));
    await other.receive(encodePacket('QStartNoAckMode'));
    await other.receive(encodePacket('qC'));
    expect(raw).toEqual(['+', '$1#31', '-', '$1#31', '+', '$OK#9a', '$QC1#c5']);
    other.finish();
  });
  test('says what it can do, and nothing to what it cannot', async () => {
    expect(await ask('qSupported:multiprocess+;swbreak+')).toContain('qXfer:features:read+');
    expect(await ask('vCont?')).toBe('vCont;c;C;s;S;r');
    expect(await ask('vMustReplyEmpty')).toBe('');
    expect(await ask('qNonsense')).toBe('');
    expect(await ask('Z9,0,4')).toBe('');
  });
  test('threads are cores', async () => {
    expect(await ask('qfThreadInfo')).toBe('m1,2');
    expect(await ask('qsThreadInfo')).toBe('l');
    expect(await ask('Hg2')).toBe('OK');
    expect(await ask('Hg3')).toBe('E01');
    expect(await ask('T2')).toBe('OK');
    expect(await ask('T3')).toBe('E01');
    system.cores[1]!.on = false;
    expect(ascii(fromHex((await ask('qThreadExtraInfo,2'))!)!)).toBe('core 1 [off]');
    expect(ascii(fromHex((await ask('qThreadExtraInfo,1'))!)!)).toBe('core 0 [EL1]');
  });
  test('registers of the selected thread, all and one', async () => {
    system.cores[1]!.setX(3, 0x123456789abcdef0n);
    system.cores[1]!.fpcr = 0x3000000;
    await ask('Hg2');
    const all = (await ask('g'))!;
    expect(all.length).toBe(2 * (31 * 8 + 8 + 8 + 4 + 32 * 16 + 8));
    expect(all.slice(48, 64)).toBe(little(0x123456789abcdef0n, 8));
    expect(await ask('p3')).toBe(little(0x123456789abcdef0n, 8));
    expect(await ask('p20')).toBe(little(0x40000000n, 8));
    expect(await ask('p21')).toBe(little(0x3c5n, 4));
    expect(await ask('p24')).toBe('02'.repeat(16));
    expect(await ask('p43')).toBe(little(0x3000000n, 4));
    expect(await ask('p44')).toBe(little(0x30d00800n, 8));
    expect(await ask('p999')).toBe('E01');
    expect(await ask(`P3=${little(7n, 8)}`)).toBe('OK');
    expect(system.cores[1]!.x(3)).toBe(7n);
    expect(await ask('P3=07')).toBe('E01');
    expect(await ask(`P44=${little(1n, 8)}`)).toBe('OK');
    expect(system.cores[1]!.sysreg('SCTLR_EL1')).toBe(1n);
    expect(await ask(`P46=${little(1n, 8)}`)).toBe('E01');
    expect(await ask(`G${all}`)).toBe('OK');
    expect(system.cores[1]!.x(3)).toBe(0x123456789abcdef0n);
  });
  test('memory is virtual, or physical when asked for', async () => {
    expect(await ask('M40000010,4:01020304')).toBe('OK');
    expect(await ask('mffff000040000010,4')).toBe('01020304');
    expect(await ask('X40000010,3:}\x03\x7d]')).toBe('E01');
    expect(await ask('X40000010,2:a*')).toBe('OK');
    expect(await ask('m40000010,4')).toBe('612a0304');
    expect(await ask('m4000fffe,10')).toBe('0000');
    expect(await ask('m1000,4')).toBe('E14');
    expect(await ask('M1000,1:00')).toBe('E14');
    expect(await ask('m40000010,zz')).toBe('E01');
    expect(await ask('Qqemu.PhyMemMode:1')).toBe('OK');
    expect(await ask('mffff000040000010,4')).toBe('E14');
  });
  test('the target description comes in parts', async () => {
    let xml = '';
    for (let part = 'm'; part === 'm'; ) {
      const reply = (await ask(`qXfer:features:read:target.xml:${xml.length.toString(16)},400`))!;
      part = reply[0]!;
      xml += reply.slice(1);
    }
    expect(xml).toBe(describeTarget(system.cores[0]!.sysregNames()).xml);
    expect(await ask('qXfer:features:read:other.xml:0,400')).toBe('E00');
    expect(await ask('qXfer:memory-map:read::0,400')).toBe('');
  });
  test('stepping one core, running to a breakpoint, stopping by an interrupt', async () => {
    expect(await ask('?')).toBe('T02thread:1;');
    expect(await runTo('vCont;s:2')).toBe('T05thread:2;');
    expect(system.cores.map((c) => c.pc)).toEqual([0x40000000n, 0x40000004n]);
    expect(await ask('Z0,40000020,4')).toBe('OK');
    expect(await runTo('vCont;c')).toMatch(/^T05thread:[12];swbreak:;$/);
    expect(await ask('Z1,40000030,4')).toBe('OK');
    expect(await ask('z0,40000020,4')).toBe('OK');
    expect(await runTo('c')).toMatch(/^T05thread:[12];hwbreak:;$/);
    expect(await ask('z1,40000030,4')).toBe('OK');
    expect(system.breakpoints.size).toBe(0);
    setTimeout(() => session.receive(Uint8Array.of(3)), 5);
    expect(await runTo('vCont;c')).toBe('T02thread:1;');
    expect(await runTo('s40000080')).toBe('T05thread:1;');
    expect(system.cores[0]!.pc).toBe(0x40000084n);
  });
  test('stepping a range answers once, where the core has left it or a breakpoint is', async () => {
    expect(await runTo('vCont;r40000000,40000014:2')).toBe('T05thread:2;');
    expect(out.length).toBe(1);
    expect(system.cores.map((c) => c.pc)).toEqual([0x40000000n, 0x40000014n]);
    // From outside of its range it is one step.
    expect(await runTo('vCont;r40000000,40000014:2')).toBe('T05thread:2;');
    expect(system.cores[1]!.pc).toBe(0x40000018n);
  });
  test('watchpoints', async () => {
    expect(await ask('Z2,40000800,8')).toBe('OK');
    expect(await runTo('vCont;c:1')).toBe('T05thread:1;watch:40000800;');
    expect(await ask('z2,40000800,8')).toBe('OK');
    expect(system.watchpoints).toEqual([]);
    await ask('Z4,40000800,1');
    expect(await runTo('c')).toMatch(/^T05thread:.;awatch:40000800;$/);
    session.finish();
    expect(system.watchpoints).toEqual([]);
  });
  test('the end of the guest, and commands after it', async () => {
    setTimeout(() => system.exit({ status: 7 }), 5);
    expect(await runTo('c')).toBe('W07');
    expect(await ask('?')).toBe('W07');
    expect(await ask('c')).toBe('W07');
  });
  test('detaching lets the system go on without breakpoints; killing ends it', async () => {
    await ask('Z0,40000020,4');
    expect(await ask('D')).toBe('OK');
    expect([closed, system.running, system.breakpoints.size]).toEqual([true, true, 0]);
    await system.pause();
    await ask('k');
    expect(system.stops).toBe(1);
  });
  test('monitor commands', async () => {
    const monitor = async (text: string): Promise<string | undefined> => ask(`qRcmd,${toHex(bytesOf(text))}`);
    expect(await monitor('reset')).toBe('OK');
    expect(system.resets).toBe(1);
    expect(ascii(fromHex((await monitor('stats'))!)!)).toContain('"instructions":42');
    expect(ascii(fromHex((await monitor('nonsense'))!)!)).toContain('monitor commands');
  });
  test('nonsense gets an answer or silence, and never ends the session', async () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return (seed >>> 8) % below;
    };
    const words = [
      'g',
      'G',
      'p',
      'P',
      'm',
      'M',
      'X',
      'Z0',
      'z2',
      'H',
      'T',
      'v',
      'q',
      'qXfer:features:read:',
      'qRcmd,',
      'vCont;',
    ];
    for (let i = 0; i < 2000; i++) {
      let text = words[random(words.length)]!;
      for (let n = random(12); n > 0; n--) text += '0123456789abcdef,;:=-xyz'.charAt(random(24));
      await session.receive(encodePacket(text));
      if (system.running) await system.pause();
    }
    expect(await ask('qC')).toMatch(/^QC/);
  });
});
