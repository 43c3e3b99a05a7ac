/** All templates there are. What the instruction table exports later joins here. */

import type { Template } from '../template.ts';
import { baseExtensionTemplates } from './base-extensions.ts';
import { controlTemplates } from './control.ts';
import { cryptoTemplates } from './crypto.ts';
import { floatTemplates } from './float.ts';
import { integerTemplates } from './integer.ts';
import { memoryAccessTemplates } from './memory.ts';
import { pauthTemplates } from './pauth.ts';
import { simdTemplates } from './simd.ts';

export const TEMPLATES: readonly Template[] = [
  ...integerTemplates,
  ...memoryAccessTemplates,
  ...baseExtensionTemplates,
  ...controlTemplates,
  ...floatTemplates,
  ...cryptoTemplates,
  ...simdTemplates,
  ...pauthTemplates('pauth-qarma5'),
  ...pauthTemplates('pauth-qarma3'),
];

/** Groups that need another environment than the plain one, by its name. */
const ENVIRONMENTS: Readonly<Record<string, string>> = {
  'pauth-qarma5': 'pauth-qarma5',
  'pauth-qarma3': 'pauth-qarma3',
};

export function environmentOfGroup(group: string): string {
  return ENVIRONMENTS[group] ?? 'plain';
}

export const GROUPS: readonly string[] = [...new Set(TEMPLATES.map((template) => template.group))];

export function templatesOf(group: string): Template[] {
  const found = TEMPLATES.filter((template) => template.group === group);
  if (found.length === 0) throw new Error(`no group is called ${group} (${GROUPS.join(', ')})`);
  return found;
}
