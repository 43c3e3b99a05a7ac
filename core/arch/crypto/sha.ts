/** Hash rounds: SHA-1, SHA-256, SHA-512 (FIPS 180-4) and SM3 (GB/T 32905-2016), on words. */
import { ret } from '../../wasm/build.ts';
import { Library } from '../../wasm/library.ts';
import { I32, V128 } from '../../wasm/opcodes.ts';
import type { Val } from '../../wasm/value.ts';
import { vector32, vector64, word32, word64, words32 } from './lanes.ts';

export const hashes = new Library();

const choose = (x: Val, y: Val, z: Val): Val => y.xor(z).and(x).xor(z);
const majority = (x: Val, y: Val, z: Val): Val => x.and(y).or(x.or(y).and(z));
const parity = (x: Val, y: Val, z: Val): Val => x.xor(y).xor(z);

/** Four rounds of SHA-1: (a b c d, e, schedule + constants) → a b c d. */
for (const [name, f] of [
  ['sha1Choose', choose],
  ['sha1Parity', parity],
  ['sha1Majority', majority],
] as const) {
  hashes.define(name, [V128, I32, V128], V128, (_link, x, y, w) => {
    let [a, b, c, d] = words32(x!);
    let e = y!;
    for (let n = 0; n < 4; n++) {
      const t = a
        .rotl(5)
        .add(f(b, c, d))
        .add(e)
        .add(word32(w!, n));
      [a, b, c, d, e] = [t, a, b.rotl(30), c, d];
    }
    ret(vector32(a, b, c, d));
  });
}

/** Four rounds of SHA-256: (a b c d, e f g h, schedule + constants) → a b c d, or e f g h. */
for (const [name, upper] of [
  ['sha256Low', false],
  ['sha256High', true],
] as const) {
  hashes.define(name, [V128, V128, V128], V128, (_link, x, y, w) => {
    let [a, b, c, d] = words32(x!);
    let [e, f, g, h] = words32(y!);
    for (let n = 0; n < 4; n++) {
      const s1 = e.rotr(6).xor(e.rotr(11)).xor(e.rotr(25));
      const t = h
        .add(s1)
        .add(choose(e, f, g))
        .add(word32(w!, n));
      const s0 = a.rotr(2).xor(a.rotr(13)).xor(a.rotr(22));
      [a, b, c, d, e, f, g, h] = [t.add(s0).add(majority(a, b, c)), a, b, c, d.add(t), e, f, g];
    }
    ret(upper ? vector32(e, f, g, h) : vector32(a, b, c, d));
  });
}

/** SHA512H and SHA512H2: parts of two rounds of SHA-512. */
hashes.define('sha512Part1', [V128, V128, V128], V128, (_link, w, x, y) => {
  const sigma = (v: Val): Val => v.rotr(14).xor(v.rotr(18)).xor(v.rotr(41));
  const [y0, y1, x0, x1] = [word64(y!, 0), word64(y!, 1), word64(x!, 0), word64(x!, 1)];
  const high = choose(y1, x0, x1).add(sigma(y1)).add(word64(w!, 1));
  const t = high.add(y0);
  ret(vector64(choose(t, y1, x0).add(sigma(t)).add(word64(w!, 0)), high));
});
hashes.define('sha512Part2', [V128, V128, V128], V128, (_link, w, x, y) => {
  const sigma = (v: Val): Val => v.rotr(28).xor(v.rotr(34)).xor(v.rotr(39));
  const [y0, y1, x0] = [word64(y!, 0), word64(y!, 1), word64(x!, 0)];
  const high = majority(x0, y1, y0).add(sigma(y0)).add(word64(w!, 1));
  ret(vector64(majority(high, y0, y1).add(sigma(high)).add(word64(w!, 0)), high));
});

/**
 * One round of SM3. The state is d, c, b, a (or h, g, f, e) from word 0 up; `other` holds e (or, rotated and summed, SS1) in its
 * word 3; `w` is the round's word of the message.
 */
for (const [name, mix] of [
  ['sm3Round1A', parity],
  ['sm3Round1B', majority],
] as const) {
  hashes.define(name, [V128, V128, I32], V128, (_link, state, ss1, w) => {
    const [d, c, b, a] = words32(state!);
    const ss2 = word32(ss1!, 3).xor(a.rotl(12));
    ret(vector32(c, b.rotl(9), a, mix(a, b, c).add(d).add(ss2).add(w!)));
  });
}
for (const [name, mix] of [
  ['sm3Round2A', parity],
  ['sm3Round2B', choose],
] as const) {
  hashes.define(name, [V128, V128, I32], V128, (_link, state, ss1, w) => {
    const [h, g, f, e] = words32(state!);
    const t = mix(e, f, g).add(h).add(word32(ss1!, 3)).add(w!);
    ret(vector32(g, f.rotl(19), e, t.xor(t.rotl(9)).xor(t.rotl(17))));
  });
}
