/** Values that several commands take, by name. */
import { InvalidArgumentError } from 'commander';
import { ENGINE_MODES, MEC_MODELS } from '../machines/launch.ts';

function oneOf<T extends string>(values: readonly T[], text: string): T {
  const found = values.find((v) => v === text);
  if (found === undefined) throw new InvalidArgumentError(`Allowed choices are ${values.join(', ')}.`);
  return found;
}

export const setEngine = (text: string): (typeof ENGINE_MODES)[number] => oneOf(ENGINE_MODES, text);
export const setMecModel = (text: string): (typeof MEC_MODELS)[number] => oneOf(MEC_MODELS, text);
export const setSwitch = (text: string): boolean => oneOf(['on', 'off'], text) === 'on';
