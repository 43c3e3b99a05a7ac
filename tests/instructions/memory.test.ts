import { checkGroup } from './vectors.ts';

checkGroup('memory');
checkGroup('exclusive');
checkGroup('atomic');
checkGroup('acquire');
checkGroup('memory-copy-set');
checkGroup('short-sequences');
