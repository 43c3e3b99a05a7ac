/** Presets as files: out of the workbench, and into it. */
import { type Draft, launch } from '../../state/launch.svelte.ts';
import { notices } from '../../state/notices.svelte.ts';
import { saveFile } from '../../ui/save-file.ts';

/** The shell registers it with the system. */
const SUFFIX = '.trireme';

export function exportPreset(): void {
  const { preset, draft } = launch;
  if (!preset) return;
  const { id, name, description } = preset;
  saveFile(
    `${id}${SUFFIX}`,
    'application/json',
    `${JSON.stringify({ id, name, description, launch: draft }, null, 2)}\n`,
  );
}

/** Asks for a file and shows it as a draft under its name; it is kept when the user saves it. */
export function importPreset(): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = `application/json,.json,${SUFFIX}`;
  input.onchange = async () => {
    const text = await input.files?.[0]?.text();
    if (text !== undefined) await importText(text);
  };
  input.click();
}

/** Keeps what a preset's file says as a preset of the user's. */
export async function importText(text: string): Promise<void> {
  try {
    const data = JSON.parse(text) as { name?: unknown; launch?: unknown } | null;
    if (typeof data?.name !== 'string' || typeof data.launch !== 'object' || data.launch === null) {
      throw new SyntaxError('it has no name and launch');
    }
    launch.draft = data.launch as Draft;
    await launch.save(data.name);
  } catch (error) {
    notices.error(`This file is no preset: ${(error as Error).message}`);
  }
}
