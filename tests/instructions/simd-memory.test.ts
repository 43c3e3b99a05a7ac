import { checkGroup } from './vectors.ts';

checkGroup('simd-memory');
checkGroup('simd-structures');
