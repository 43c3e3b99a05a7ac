import { checkGroup } from './vectors.ts';

checkGroup('branch');
// FPSR[31:28] are flags of AArch32, which QEMU's CPU has at EL0 and ours nowhere: there they are RES0.
checkGroup('control', (c) => c.words.some((word) => (word & 0xffffffe0) >>> 0 === 0xd51b4420));
