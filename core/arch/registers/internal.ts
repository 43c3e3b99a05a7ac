/**
 * Values in a core's state that lie among the system registers though they are none: what routines keep of them. They are listed
 * here, in this order, so that every thread lays the state out alike whatever it imports first.
 */
export const INTERNAL: readonly string[] = [
  // The stack pointer of EL3 while another is in use.
  'SP_EL3',
  // Timers and performance monitors.
  'ticks a nanosecond',
  'timers security',
  'pmu executed',
  'pmu active',
  'pmu in use',
  'pmu width',
  // Pointer authentication.
  'PAUTH_CONFIG',
  'PAUTH_FAILED',
  'PAUTH_SEEN_TCR',
  'PAUTH_SEEN_REGIME',
  'PAUTH_INSTRUCTION_LOW',
  'PAUTH_INSTRUCTION_DIFF',
  'PAUTH_INSTRUCTION_SHIFT',
  'PAUTH_DATA_LOW',
  'PAUTH_DATA_DIFF',
  'PAUTH_DATA_SHIFT',
  // Translation.
  'translation.tableContext',
  'translation.s2pa',
  'translation.s2perm',
  'translation.s2attr',
  'translation.lastMap',
  'translation.ctxKey',
  'translation.tick',
  'translation.byAsid',
  'translation.cacheTraps',
  'translation.granulesSeen',
  'translation.walkFault',
  'translation.walkPa',
  'translation.s2mec',
  // Encryption contexts: values of the registers that entries were made with, and a few of those entries.
  'mec.seen 0',
  'mec.seen 1',
  'mec.seen 2',
  'mec.seen 3',
  'mec.listed',
  'mec.list 0',
  'mec.list 1',
  'mec.list 2',
  'mec.list 3',
];
