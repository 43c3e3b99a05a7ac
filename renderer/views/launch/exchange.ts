/** Presets as files: out of the workbench, and into it. */
import { type Draft, launch, valueAt } from '../../state/launch.svelte.ts';
import { notices } from '../../state/notices.svelte.ts';
import { workbench } from '../../state/workbench.svelte.ts';
import { saveFile } from '../../ui/save-file.ts';

/** The shell registers it with the system. */
export const PRESET_SUFFIX = '.trireme';

export function exportPreset(): void {
  const { preset, draft } = launch;
  if (!preset) return;
  const { id, name, description } = preset;
  saveFile(
    `${id}${PRESET_SUFFIX}`,
    'application/json',
    `${JSON.stringify({ id, name, description, launch: draft }, null, 2)}\n`,
  );
}

/** Asks for a file, and keeps what it says as a preset of the user's. */
export function importPreset(): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = `application/json,.json,${PRESET_SUFFIX}`;
  input.onchange = async () => {
    const text = await input.files?.[0]?.text();
    if (text !== undefined) await importText(text);
  };
  input.click();
}

/** Keeps what a preset's file says as a preset of the user's. Files that are elsewhere here, the user has to choose first. */
export async function importText(text: string): Promise<void> {
  try {
    const data = JSON.parse(text) as { name?: unknown; launch?: unknown } | null;
    if (typeof data?.name !== 'string' || typeof data.launch !== 'object' || data.launch === null) {
      throw new SyntaxError('it has no name and launch');
    }
    const draft = data.launch as Draft;
    const { problems } = await workbench.client.request('launch.check', { launch: draft });
    const [wrong] = problems.filter(({ field }) => typeof valueAt(draft, field) !== 'string');
    if (wrong) throw new SyntaxError(wrong.field ? `${wrong.field}: ${wrong.message}` : wrong.message);
    launch.show(draft);
    if (problems.length === 0) await launch.save(data.name);
    else notices.error(`“${data.name}” names what is not here: ${problems[0]!.message}. Choose it, then Save as…`);
  } catch (error) {
    notices.error(`This file is no preset: ${(error as Error).message}`);
  }
}
