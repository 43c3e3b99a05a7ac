// Checks types inside the renderer's components.
//
// svelte-check needs the JavaScript interface of TypeScript 6, which the project's TypeScript does not have: it gets the one that the
// renderer's workspace has installed.

import { createRequire, registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..');
const own = createRequire(join(root, 'renderer', 'package.json'));
const typescript = pathToFileURL(own.resolve('typescript')).href;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'typescript' ? { url: typescript, format: 'commonjs', shortCircuit: true } : next(specifier, context),
});
process.argv.push('--tsconfig', join(root, 'renderer', 'tsconfig.json'), '--fail-on-warnings', '--output', 'human');
process.chdir(join(root, 'renderer'));
await import(pathToFileURL(join(root, 'node_modules', 'svelte-check', 'dist', 'src', 'index.js')).href);
