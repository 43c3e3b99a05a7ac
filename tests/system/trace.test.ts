import { expect, test } from 'vitest';
import { TRACE_KIND, TRACE_RING_BYTES, TraceReader, type TraceRecord, TraceWriter } from '../../core/system/trace.ts';
import { formatRecord, type TraceNames } from '../../core/system/trace-format.ts';

const names: TraceNames = {
  register: (encoding) => (encoding === 0xc080 ? 'SCTLR_EL1' : null),
  operation: (encoding) => (encoding === 0x4419 ? 'TLBI VAE1IS' : null),
  exceptionClass: (ec) => (ec === 0x15 ? 'SVC' : null),
};
const record = (kind: number, detail: number, ...operands: bigint[]): TraceRecord => ({
  ...{ kind, core: 1, el: 1, security: 1, detail, count: 77n, pc: 0x40001000n },
  operands: [operands[0] ?? 0n, operands[1] ?? 0n, operands[2] ?? 0n, operands[3] ?? 0n],
});

test.each([
  [
    record(TRACE_KIND.exception, 0x010, 0x56000000n, 0n, 0x40000a00n, 0x40000104n),
    'exception sync from EL0 to EL1, ESR 0x56000000 (SVC), FAR 0x0, ELR 0x40000104, vector 0x40000a00',
  ],
  [record(TRACE_KIND.exception, 0x121, 0n, 0n, 0x480n, 0x40n), 'exception IRQ from EL1 to EL2, ELR 0x40, vector 0x480'],
  [record(TRACE_KIND.eret, 0x01, 0x40n, 0x3c0n), 'eret from EL1 to EL0, target 0x40, SPSR 0x3c0'],
  [record(TRACE_KIND.call, 1, 0xc4000003n, 1n, 2n, 3n), 'smc call x0=0xc4000003 x1=0x1 x2=0x2 x3=0x3'],
  [record(TRACE_KIND.answer, 0, 0n), 'hvc return x0=0x0 x1=0x0 x2=0x0 x3=0x0'],
  [record(TRACE_KIND.read, 0xc080, 0x30d00800n), 'mrs SCTLR_EL1 -> 0x30d00800'],
  [record(TRACE_KIND.write, 0xc798, 5n), 'msr S3_0_C15_C3_0 <- 0x5'],
  [record(TRACE_KIND.mmio, 8 | 2, 0x9000000n, 0x41n), 'mmio write 0x9000000 size 4 value 0x41'],
  [record(TRACE_KIND.mmio, 4, 0x9000000n, 1n, 2n), 'mmio read 0x9000000 size 16 value 0x20000000000000001'],
  [record(TRACE_KIND.tlbi, 0x4419, 0x12345n), 'TLBI VAE1IS 0x12345'],
  [record(TRACE_KIND.tlbi, 0x4438), 'S1_0_C8_C7_0 0x0'],
  [record(TRACE_KIND.block, 0), 'block'],
])('%#', (r, text) => {
  expect(formatRecord(r, names)).toBe(`1 77 NS-EL1 0x40001000 ${text}`);
});

test('records go through the ring whole, however they are cut, and wait for room', () => {
  const buffer = new SharedArrayBuffer(TRACE_RING_BYTES);
  const reader = new TraceReader(buffer, 0, names);
  let text = '';
  let rings = 0;
  const writer = new TraceWriter(buffer, 0, {
    ring: () => void rings++,
    makeRoom: () => {
      text += reader.read();
    },
  });
  const total = 20_000;
  for (let i = 0; i < total; i++) writer.append({ ...record(TRACE_KIND.block, 0), count: BigInt(i) });
  writer.flush();
  text += reader.read();
  const lines = text.trimEnd().split('\n');
  expect(lines.length).toBe(total);
  expect(lines.every((line, i) => line === `1 ${i} NS-EL1 0x40001000 block`)).toBe(true);
  expect(rings).toBeGreaterThan(0);
});
