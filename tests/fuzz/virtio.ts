/** What a guest's driver gives: rings that break the rules, requests of the block device. Each is served, or the device needs a reset. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { VirtQueue } from '../../core/devices/virtio/queue.ts';
import { BASE, Driver, machine, type Part } from '../devices/virtio/driver.ts';
import { BLOCK, header, range } from '../devices/virtio/requests.ts';
import { served } from '../devices/virtio/served.ts';
import type { Fuzz, Target } from './target.ts';

const MODERN = 1n << 32n;
const FAILED = 0x80;
const NEEDS_RESET = 0x40;
/** Longest access of a queue to memory, in bytes: an indirect table of 1024 descriptors. */
const LONGEST = 1 << 14;

const rings: Target = {
  name: 'virtio-rings',
  memory: 128,
  open(random): Fuzz {
    const m = machine({ deviceId: 4, features: 0, configuration: new Uint8Array(0), queueSizes: [8] });
    const driver = new Driver(m, 1);
    const queue = new VirtQueue(m.transport, 0, m.ram);
    const scratch = new Uint8Array(64);
    return {
      round() {
        driver.submit(0, random(2) ? [new TextEncoder().encode('abc'), 10, 20] : [5], random(2) === 0);
        for (let n = random(4); n > 0; n--) {
          const table = driver.descriptorTable(0) - BASE;
          const at = random(3) === 0 ? table + random(0x200) : table + 16 * random(8) + 8 + random(8);
          m.ram.bytes[at] = random(256);
        }
        const request = queue.pop();
        if (request) {
          queue.gather(request, 0, scratch.subarray(0, Math.min(64, request.readable.total)));
          queue.scatter(request, 0, scratch.subarray(0, Math.min(64, request.writable.total)));
          queue.push(request, 1);
        }
        if (driver.read(0x70) & (NEEDS_RESET | FAILED) || driver.read(0x60) & 2)
          driver.start(1, random(2) ? null : MODERN);
        m.levels.length = 0;
        if (m.ram.longest > LONGEST) throw new Error(`an access of ${m.ram.longest} bytes`);
        return request !== null;
      },
    };
  },
};

const TYPES = Object.values(BLOCK);
const SECTORS = 2048;

const block: Target = {
  name: 'virtio-block',
  // 256 KiB a request, 64 MiB of overlay.
  memory: 192,
  open(random): Fuzz {
    const folder = fs.mkdtempSync(path.join(tmpdir(), 'trireme-fuzz-'));
    const file = path.join(folder, 'image');
    const content = Buffer.from(Uint8Array.from({ length: SECTORS * 512 }, () => random(256)));
    fs.writeFileSync(file, content);
    const { m, service } = served({ type: 'blk', file });
    const driver = new Driver(m, 1, null, 16);
    return {
      round() {
        const head = header(TYPES[random(TYPES.length)]!, random(SECTORS));
        if (random(4)) head[random(16)] = random(256);
        const parts: Part[] = [head.subarray(0, random(8) ? 16 : random(16))];
        if (random(2)) parts.push(range(random(SECTORS), random(64), random(3)).subarray(0, random(17)));
        if (random(2)) parts.push(512 * random(4) + random(3));
        if (random(8)) parts.push(1);
        const { places } = driver.submit(0, parts, random(2) === 0);
        const status = places.at(-1)!;
        driver.notify(0);
        while (service.service());
        const answered = driver.used(0).length > 0;
        if (driver.read(0x70) & NEEDS_RESET) driver.start(1, null);
        m.levels.length = 0;
        return answered && driver.bytesAt(status)[0] === 0;
      },
      close() {
        service.close();
        const same = fs.readFileSync(file).equals(content);
        fs.rmSync(folder, { recursive: true });
        if (!same) throw new Error('the image was written, in spite of its overlay');
      },
    };
  },
};

export const VIRTIO: readonly Target[] = [rings, block];
