/** The part of Electron that the shell uses. It is handed in, so that tests can hand in another. */
import type * as common from 'electron/common';
import type * as main from 'electron/main';

export type ElectronApi = Pick<
  typeof main & typeof common,
  | 'app'
  | 'BrowserWindow'
  | 'dialog'
  | 'ipcMain'
  | 'Menu'
  | 'MessageChannelMain'
  | 'protocol'
  | 'screen'
  | 'session'
  | 'shell'
  | 'utilityProcess'
>;
