import { checkGroup } from './vectors.ts';

checkGroup('crypto');
checkGroup('dot-product');
