/** Colours of terminals, from the page's theme. */
import type { ITheme } from '@xterm/xterm';

const DARK: ITheme = {
  black: '#3b4048',
  red: '#ff7b72',
  green: '#62c48a',
  yellow: '#e6b35c',
  blue: '#6cb6ff',
  magenta: '#dd92bb',
  cyan: '#56c8d8',
  white: '#d7dae2',
  brightBlack: '#8f96a6',
  brightRed: '#ffa198',
  brightGreen: '#86e0aa',
  brightYellow: '#ffd479',
  brightBlue: '#96ccff',
  brightMagenta: '#f0b6d6',
  brightCyan: '#8be4f0',
  brightWhite: '#ffffff',
};
const LIGHT: ITheme = {
  black: '#1f2430',
  red: '#b3261e',
  green: '#14723d',
  yellow: '#865500',
  blue: '#0b5cad',
  magenta: '#9b3d73',
  cyan: '#00697a',
  white: '#4d5463',
  brightBlack: '#626979',
  brightRed: '#c9372c',
  brightGreen: '#1a8a4b',
  brightYellow: '#9c6400',
  brightBlue: '#0f6fd0',
  brightMagenta: '#b34a86',
  brightCyan: '#007f94',
  brightWhite: '#1f2430',
};

export function terminalTheme(light: boolean, of: (name: string) => string): ITheme {
  return {
    ...(light ? LIGHT : DARK),
    background: of('--terminal-bg'),
    foreground: of('--text'),
    cursor: of('--text'),
    cursorAccent: of('--terminal-bg'),
    selectionBackground: of('--bg-selected'),
  };
}
