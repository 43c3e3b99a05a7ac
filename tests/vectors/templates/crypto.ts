/** Cryptographic instructions, dot products and matrix multiplication: all of them straight from the table. */

import * as ciphers from '../../../core/arch/a64/crypto-aes.ts';
import * as hashes from '../../../core/arch/a64/crypto-hash.ts';
import * as dotProduct from '../../../core/arch/a64/dot-product.ts';
import { templatesFrom } from '../from-table.ts';

export const cryptoTemplates = [
  ...templatesFrom(ciphers.group, 'crypto'),
  ...templatesFrom(hashes.group, 'crypto'),
  ...templatesFrom(dotProduct.group, 'dot-product'),
];
