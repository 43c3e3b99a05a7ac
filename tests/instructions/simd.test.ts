import { checkGroup } from './vectors.ts';

checkGroup('simd-across');
checkGroup('simd-by-element');
checkGroup('simd-copy');
checkGroup('simd-permute');
checkGroup('simd-shift');
checkGroup('simd-three-different');
checkGroup('simd-three-same');
checkGroup('simd-two-reg');
