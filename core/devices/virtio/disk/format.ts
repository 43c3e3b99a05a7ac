/** Formats of disk images that are not read here, known by how they begin. */
import * as fs from 'node:fs';
import { UserError } from '../../../system/errors.ts';

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** Each with the signature that its files have at `at`. */
const SIGNATURES: readonly { readonly name: string; readonly at: number; readonly bytes: Uint8Array }[] = [
  { name: 'qcow2', at: 0, bytes: ascii('QFI\xfb') },
  { name: 'QED', at: 0, bytes: ascii('QED\0') },
  { name: 'VMDK', at: 0, bytes: ascii('KDMV') },
  { name: 'VMDK', at: 0, bytes: ascii('# Disk DescriptorFile') },
  { name: 'VHDX', at: 0, bytes: ascii('vhdxfile') },
  { name: 'VHD', at: 0, bytes: ascii('conectix') },
  { name: 'VDI', at: 64, bytes: Uint8Array.of(0x7f, 0x10, 0xda, 0xbe) },
];
const HEAD = 96;

/** Throws a UserError where an image whose format nobody has said is of another format than raw. */
export function refuseForeign(file: string): void {
  const name = foreignFormat(file);
  if (name !== null)
    throw new UserError(
      `${file} is a ${name} image: only raw images are read so far (qemu-img convert -O raw makes one)`,
    );
}

/** The format's name, or null: it may be raw, or cannot be read at all. */
function foreignFormat(file: string): string | null {
  const head = new Uint8Array(HEAD);
  try {
    // Opening a pipe would wait for its writer.
    if (!fs.statSync(file).isFile()) return null;
    const fd = fs.openSync(file, 'r');
    try {
      fs.readSync(fd, head, 0, HEAD, 0);
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return null;
  }
  return SIGNATURES.find(({ at, bytes }) => bytes.every((byte, n) => head[at + n] === byte))?.name ?? null;
}
