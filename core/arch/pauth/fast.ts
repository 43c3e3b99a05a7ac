/**
 * The implementation-defined algorithm (FEAT_PACIMP): a mix of two multiplications side by side and one behind them. The upper
 * bits of the result, which become the PAC, depend on every bit of pointer, modifier and key. It is meant to be cheap and to
 * tell pointers apart, not to withstand cryptanalysis.
 */
import type { Val } from '../../wasm/value.ts';

// Odd constants with no structure: the fractional parts of the square roots of 2, 3 and 5.
const C1 = 0x6a09e667f3bcc909n;
const C2 = 0xbb67ae8584caa73bn;
const C3 = 0x3c6ef372fe94f82bn;

export function fastPac(pointer: Val, modifier: Val, keyLow: Val, keyHigh: Val): Val {
  const a = pointer.xor(keyLow).mul(C1);
  const b = modifier.add(keyHigh).mul(C2);
  return a.xor(b.rotl(32)).mul(C3);
}
