/** Entry point of the application's main process. */
import { join } from 'node:path';
import { shell } from 'electron/common';
import {
  app,
  BrowserWindow,
  dialog,
  ipcMain,
  Menu,
  MessageChannelMain,
  protocol,
  screen,
  session,
  utilityProcess,
} from 'electron/main';
import { presetFolder } from '../core/host/presets.ts';
import { Application } from './application.ts';

const here = import.meta.dirname;
const built = join(here, '..', '..');
const { stderr } = process;

// biome-ignore format: a list of names
const electron = { app, BrowserWindow, dialog, ipcMain, Menu, MessageChannelMain, protocol, screen, session, shell, utilityProcess };

new Application(electron, {
  renderer: join(built, 'renderer'),
  preload: join(here, 'preload.cjs'),
  // Outside of the archive: the guests' threads load their modules from files.
  hostModule: join(here, 'host-process.js').replace('app.asar', 'app.asar.unpacked'),
  resources: app.isPackaged ? process.resourcesPath : join(built, '..'),
  presets: presetFolder(),
  argv: process.argv.slice(1),
  cwd: process.cwd(),
  platform: process.platform,
  log: (line) => void stderr.write(`trireme: ${line}\n`),
}).start();
