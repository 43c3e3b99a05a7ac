import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GdbServer, startGdbServer } from '../../core/debug/gdb/server.ts';
import { FakeSystem } from '../support/fake-system.ts';
import { gdbInstalled, runGdb } from '../support/gdb.ts';

describe.skipIf(!gdbInstalled)('gdb-multiarch', () => {
  let system: FakeSystem;
  let server: GdbServer;

  beforeEach(async () => {
    system = new FakeSystem({ cores: 2 });
    // NOPs.
    for (let at = 0; at < 0x100; at += 4) system.memory.set([0x1f, 0x20, 0x03, 0xd5], at);
    server = await startGdbServer(system, 0);
  });
  afterEach(() => server.close());

  const debug = (...commands: string[]): Promise<string> => runGdb(server.port, commands);

  test('registers by name, changed and read back', async () => {
    system.cores[0]!.setX(5, 0x123456789abcdef0n);
    system.cores[0]!.setV(3, Uint8Array.from([0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0]));
    const text = await debug(
      ...['p/x $x5', 'p $v3.d.f[0]', 'p $cpsr', 'p/x $SCTLR_EL1', 'p/x $sp', 'info registers pc'],
      ...['set $x7 = 77', 'p $x7', 'set $v4.s.u[1] = 9', 'p $v4.s.u[1]', 'set $VBAR_EL1 = 0x1000', 'p $d3'],
    );
    expect(text).toContain('$1 = 0x123456789abcdef0');
    expect(text).toContain('$2 = 1.5');
    expect(text).toMatch(/\$3 = \[.*EL=1.*\]/);
    expect(text).toContain('$4 = 0x30d00800');
    expect(text).toContain('$5 = 0x40008000');
    expect(text).toMatch(/pc\s+0x40000000/);
    expect(text).toContain('$6 = 77');
    expect(text).toContain('$7 = 9');
    expect(text).toMatch(/\$8 = \{.*f = 1.5/);
    expect(system.cores[0]!.x(7)).toBe(77n);
    expect(system.cores[0]!.vectors[4]![4]).toBe(9);
    expect(system.cores[0]!.sysreg('VBAR_EL1')).toBe(0x1000n);
  });
  test('memory, disassembly, and what is not there', async () => {
    const text = await debug('set *(int*)0x40000200 = 0x11223344', 'x/2xw 0x40000200', 'x/2i $pc', 'x/1xw 0x1000');
    expect(text).toMatch(/0x40000200:\s+0x11223344\s+0x00000000/);
    expect(text).toMatch(/=> 0x40000000:\s+nop/);
    expect(text).toContain('Cannot access memory at address 0x1000');
  });
  test('threads, steps, breakpoints and watchpoints', async () => {
    const text = await debug(
      ...['info threads', 'thread 2', 'set scheduler-locking on', 'stepi', 'p/x $pc', 'stepi 3', 'p/x $pc'],
      ...['set scheduler-locking off', 'break *0x40000030', 'continue', 'p/x $pc', 'delete'],
      ...['hbreak *0x40000038', 'continue', 'p/x $pc', 'delete'],
      ...['watch *(char*)0x40000800', 'continue', 'p/x *(char*)0x40000800', 'detach'],
    );
    expect(text).toMatch(/1\s+Thread 1 \(core 0 \[EL1\]\)[\s\S]*2\s+Thread 2 \(core 1 \[EL1\]\)/);
    expect(text).toContain('$1 = 0x40000004');
    expect(text).toContain('$2 = 0x40000010');
    expect(text).toContain('$3 = 0x40000030');
    expect(text).toContain('$4 = 0x40000038');
    expect(text).toMatch(/Hardware watchpoint[\s\S]*Old value = 0[\s\S]*New value = 1/);
    expect(system.breakpoints.size + system.watchpoints.length).toBe(0);
    expect(system.running).toBe(true);
  });
  test('the guest ends', async () => {
    const timer = setInterval(() => {
      if (!system.running) return;
      clearInterval(timer);
      system.exit({ status: 3 });
    }, 20);
    expect(await debug('continue')).toContain('exited with code 03');
  });
  test('an interrupt stops a running guest; a connection that just ends lets it go on', async () => {
    system.resume();
    const text = await debug('shell (sleep 1.5; kill -INT $PPID) &', 'continue', 'info threads', 'disconnect');
    expect(text).toContain('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(system.running).toBe(true);
  });
  test('kill ends the system', async () => {
    await debug('kill');
    expect(system.stops).toBe(1);
  });
});

test('a port in use is an error in words', async () => {
  const system = new FakeSystem();
  const first = await startGdbServer(system, 0);
  await expect(startGdbServer(system, first.port)).rejects.toThrow('the port is in use');
  first.close();
});
