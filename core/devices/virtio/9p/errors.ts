/** Linux's error numbers (asm-generic), which 9P2000.L uses on every host. */

export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EMLINK: 31,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  EPROTO: 71,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
  ENOTSUP: 95,
  ESTALE: 116,
  EDQUOT: 122,
} as const;

/** A request that is answered with an error. */
export class NinepError extends Error {
  override readonly name = 'NinepError';
  readonly code: keyof typeof ERRNO;
  constructor(code: keyof typeof ERRNO) {
    super(code);
    this.code = code;
  }
}

/** The number for an error of ours or of Node's files; EIO for what Linux has no number for. */
export function errorNumber(error: unknown): number {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ERRNO[code as keyof typeof ERRNO] ?? ERRNO.EIO;
}
