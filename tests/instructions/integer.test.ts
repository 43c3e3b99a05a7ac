import { checkGroup } from './vectors.ts';

checkGroup('integer-immediate');
checkGroup('integer-register');
