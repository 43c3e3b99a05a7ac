/** Routines of pointer authentication. */
import { context } from './context.ts';
import { qarma } from './qarma.ts';
import { routines } from './routines.ts';

export const pauthLibraries = [context, qarma, routines] as const;
