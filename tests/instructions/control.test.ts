import { checkGroup } from './vectors.ts';

checkGroup('branch');
checkGroup('control');
