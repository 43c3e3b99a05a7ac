/** Control flow inside an instruction's meaning, for use by the instruction groups. */
export { block, br, brIf, brTable, choose, fence, iff, loop, switchOn, unlikely, variable } from '../wasm/build.ts';
export { select } from '../wasm/value.ts';
