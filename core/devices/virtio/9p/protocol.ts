/** Numbers of 9P2000.L, as Linux's v9fs sends them. */

/** Requests; the answer to request n is n + 1, or `ERROR_REPLY`. */
export const T = {
  statfs: 8,
  lopen: 12,
  lcreate: 14,
  symlink: 16,
  mknod: 18,
  rename: 20,
  readlink: 22,
  getattr: 24,
  setattr: 26,
  xattrwalk: 30,
  xattrcreate: 32,
  readdir: 40,
  fsync: 50,
  lock: 52,
  getlock: 54,
  link: 70,
  mkdir: 72,
  renameat: 74,
  unlinkat: 76,
  version: 100,
  auth: 102,
  attach: 104,
  flush: 108,
  walk: 110,
  read: 116,
  write: 118,
  clunk: 120,
  remove: 122,
} as const;
export const ERROR_REPLY = 7;

/** size[4] type[1] tag[2] */
export const HEADER_BYTES = 7;

export const MAX_WALK = 16;
export const NO_FID = 0xffffffff;

/** Kinds of a qid, by the kind of file. */
export const QID = { folder: 0x80, link: 0x02, file: 0 } as const;

/** Flags of lopen and lcreate: Linux's (asm-generic), on every host. */
export const OPEN = { access: 3, create: 0o100, exclusive: 0o200, truncate: 0o1000, append: 0o2000 } as const;

/** Which fields of setattr count. */
export const SET = {
  mode: 0x1,
  uid: 0x2,
  gid: 0x4,
  size: 0x8,
  atime: 0x10,
  mtime: 0x20,
  atimeGiven: 0x80,
  mtimeGiven: 0x100,
} as const;

/** Fields of getattr that a host's file has: all of stat's. */
export const GET_BASIC = 0x7ff;

/** unlinkat's flag for folders (AT_REMOVEDIR). */
export const REMOVE_FOLDER = 0x200;

export const LOCK_SUCCESS = 0;
export const LOCK_TYPE_UNLOCK = 2;
