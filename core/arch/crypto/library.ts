/** Routines of the cryptographic instructions. */
import { blockCiphers } from './aes.ts';
import { polynomials } from './clmul.ts';
import { hashes } from './sha.ts';

export const cryptoLibraries = [blockCiphers, hashes, polynomials] as const;
