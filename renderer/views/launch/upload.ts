/** Gives a file of the user's to a host that cannot see it. */
import { UPLOAD_CHUNK } from '../../../core/host/api.ts';
import type { Client } from '../../api/client.ts';
import { toBase64 } from '../../state/base64.ts';

/** Yields the path under which the host has it. `progress`: 0–1; false ends the upload. */
export async function upload(client: Client, file: File, progress: (share: number) => boolean): Promise<string | null> {
  let id: string | null = null;
  let offset = 0;
  do {
    const bytes = new Uint8Array(await file.slice(offset, offset + UPLOAD_CHUNK).arrayBuffer());
    const last = offset + bytes.length >= file.size;
    const answer: { upload: string; path: string | null } = await client.request('files.upload', {
      ...{ upload: id, name: file.name.slice(0, 255), offset, bytes: toBase64(bytes), last },
    });
    if (answer.path !== null) return answer.path;
    id = answer.upload;
    offset += bytes.length;
  } while (progress(offset / file.size));
  return null;
}
