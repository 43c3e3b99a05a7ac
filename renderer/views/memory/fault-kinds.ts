/** What happened between a page and who accessed it, in words. */
export const FAULT_KINDS = {
  'granule-fault': 'granule protection fault',
  'context-mismatch': 'another context’s page',
  takeover: 'took a page over',
} as const;
