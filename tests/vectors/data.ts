/** The recorded vectors of this repository. */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { decodeVectors, type VectorFile } from './format.ts';

const FOLDER = new URL('./data/', import.meta.url);
const SUFFIX = '.bin';

const fileOf = (group: string) => new URL(`${group}${SUFFIX}`, FOLDER);

export function recordedGroups(): string[] {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => name.slice(0, -SUFFIX.length))
    .sort();
}

export function readVectors(group: string): VectorFile {
  return decodeVectors(readFileSync(fileOf(group)));
}

export function writeVectors(group: string, bytes: Uint8Array): void {
  writeFileSync(fileOf(group), bytes);
}
