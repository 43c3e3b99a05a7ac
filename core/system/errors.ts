/**
 * A mistake that the user can repair: a missing file, an option's value, an image that does not fit. Faces show `message`, one
 * line, as it is; the command ends with status 2.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** The reason of a failed file operation in words, without Node's "ENOENT: …, open '…'" form. */
export function fileReason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const words: Record<string, string> = {
    ENOENT: 'no such file or directory',
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EISDIR: 'is a directory',
    ENOTDIR: 'a part of the path is not a directory',
    EMFILE: 'too many open files',
    ENOSPC: 'no space left on the device',
    EROFS: 'the file system is read-only',
    ELOOP: 'too many symbolic links',
    ERR_FS_FILE_TOO_LARGE: 'too large',
  };
  return words[code] ?? (code || (error as Error).message.split('\n')[0]!);
}
