/** Debian trixie with systemd, from a raw disk: boots to a login, runs programs, powers off. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { kernelOf, titled } from '../boot/debian/packages.ts';
import { ROOT_KERNEL, rootImage, rootInitramfs, rootUnavailable } from '../boot/debian/rootfs.ts';
import { alarms, virtArguments } from '../boot/machine.ts';
import { staged } from '../boot/scene.ts';

async function hash(path: string): Promise<string> {
  const sum = createHash('sha1');
  for await (const chunk of createReadStream(path)) sum.update(chunk);
  return sum.digest('hex');
}

const PERL = 'my %n; $n{$_ % 7} += $_ for 1..50000; print join(",", map { "$_=$n{$_}" } sort keys %n), "\\n"';
const PYTHON = 'import hashlib, json; print(json.dumps({"sum": hashlib.sha256(bytes(range(256)) * 4096).hexdigest()}))';

const missing = await rootUnavailable();
describe.skipIf(missing !== null)(titled('a Debian root file system', missing), () => {
  test.each([1, 2])(
    '%i vCPUs: login, apt-get, perl, python3, power off',
    (vcpus) =>
      staged(async (scene) => {
        const before = await hash(rootImage());
        const guest = scene.start(
          [
            ...[...virtArguments(vcpus, '1G'), '-no-reboot'],
            ...['-kernel', kernelOf(ROOT_KERNEL).image, '-initrd', scene.file('initrd', rootInitramfs())],
            ...['-append', 'console=ttyAMA0 panic=-1', '-device', 'virtio-rng-device'],
            ...['-drive', `file=${rootImage()},format=raw,if=virtio,snapshot=on`],
          ],
          1800,
        );
        await guest.expect(/trireme login: /, 600);
        guest.send('root\n');
        await guest.expect(/root@trireme:~# /, 200);
        expect(await guest.output('apt-get --version')).toMatch(/^apt \d[\d.]* \(arm64\)$/m);
        const sums = Array.from({ length: 7 }, (_, rest) => {
          let sum = 0;
          for (let n = 1; n <= 50000; n++) if (n % 7 === rest) sum += n;
          return `${rest}=${sum}`;
        });
        expect(await guest.output(`perl -e '${PERL}'`)).toContain(`${sums.join(',')}\n`);
        const bytes = Buffer.concat(Array.from({ length: 4096 }, () => Uint8Array.from({ length: 256 }, (_, n) => n)));
        const sum = createHash('sha256').update(bytes).digest('hex');
        expect(await guest.output(`python3 -c '${PYTHON}'`)).toContain(`{"sum": "${sum}"}\n`);
        expect(await guest.output('nproc')).toContain(`${vcpus}\n`);
        // The disk is written, through the file system; the image is not.
        const written = await guest.output('dpkg-query -W | tee /root/packages | md5sum');
        await guest.output('sync && echo 3 > /proc/sys/vm/drop_caches');
        const sumOf = (text: string): string | undefined => /^[0-9a-f]{32}/m.exec(text)?.[0];
        expect(sumOf(await guest.output('md5sum < /root/packages'))).toBe(sumOf(written) ?? 'a sum');
        expect(await guest.output('systemctl --failed --no-legend --plain | wc -l')).toMatch(/^0$/m);
        guest.send('systemctl poweroff\n');
        expect(await guest.ended).toBe(0);
        expect(alarms(guest.text)).toEqual([]);
        expect(await hash(rootImage())).toBe(before);
      })(),
    1_800_000,
  );
});
