/** Builds the workbench's views into dist/renderer. */
import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const root = import.meta.dirname;

export default defineConfig({
  root,
  // Relative names: the same files are served over HTTP and from the window's own scheme.
  base: '/',
  // The package has its style sheet only in this form.
  resolve: {
    alias: { 'dockview-core': join(root, '..', 'node_modules', 'dockview-core', 'dist', 'dockview-core.js') },
  },
  plugins: [svelte({ configFile: join(root, 'svelte.config.js') })],
  build: {
    outDir: join(root, '..', 'dist', 'renderer'),
    emptyOutDir: true,
    target: 'esnext',
    // The policy allows no inline data but images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
    reportCompressedSize: false,
  },
});
