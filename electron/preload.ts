/** Runs in the page's sandbox, in a world of its own. Built into one CommonJS file (`scripts/build.mjs`). */
import { contextBridge, ipcRenderer, webUtils } from 'electron/renderer';
import { makeBridge } from './bridge.ts';

contextBridge.exposeInMainWorld('trireme', makeBridge(ipcRenderer, webUtils));
