/** Numbers of the flattened device tree format (Devicetree Specification 0.4, chapter 5); all its words are big-endian. */
export const FDT_MAGIC = 0xd00dfeed;
export const FDT_HEADER_BYTES = 40;
export const FDT_TOKEN = { beginNode: 1, endNode: 2, property: 3, nop: 4, end: 9 } as const;
