/** Constant tables that routines read from memory, at a fixed place below the state of cores. */
import { TABLES, TABLES_END } from '../engine/layout.ts';
import { CRC_BYTES, writeCrcTables } from './crc.ts';

export const CRC_TABLES = TABLES;
if (CRC_TABLES + CRC_BYTES > TABLES_END) throw new Error('tables outgrew their place');

/** Fills the tables of a new system's memory. */
export function writeArchTables(u8: Uint8Array): void {
  writeCrcTables(u8, CRC_TABLES);
}
