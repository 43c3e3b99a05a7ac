import { checkGroup } from './vectors.ts';

checkGroup('float-scalar');
checkGroup('float-scalar-other');
checkGroup('float-three-same');
checkGroup('float-two-reg');
checkGroup('float-by-element');
checkGroup('float-vector-convert');
checkGroup('float-complex');
checkGroup('float-widening');
