import { describe, expect, test } from 'vitest';
import { keyName } from '../../renderer/actions/keys.ts';
import { type Action, ActionRegistry } from '../../renderer/actions/registry.ts';

const press = (key: string, more: Partial<Parameters<typeof keyName>[0]> = {}) =>
  keyName({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });

describe('keys by name', () => {
  test('modifiers come in one order, letters in upper case', () => {
    expect(press('p', { ctrlKey: true, shiftKey: true })).toBe('Ctrl+Shift+P');
    expect(press('F5', { shiftKey: true })).toBe('Shift+F5');
    expect(press('ArrowUp', { altKey: true })).toBe('Alt+Up');
    expect(press(' ', { ctrlKey: true })).toBe('Ctrl+Space');
  });
  test('a digit is the key’s, whatever the layout makes of it', () => {
    expect(press('&', { code: 'Digit1', ctrlKey: true })).toBe('Ctrl+1');
  });
  test('the Command key stands for Ctrl; a modifier alone is no key', () => {
    expect(press('k', { metaKey: true })).toBe('Ctrl+K');
    expect(press('Shift', { shiftKey: true })).toBeNull();
  });
});

describe('registry of actions', () => {
  const done: string[] = [];
  const action = (id: string, more: Partial<Action> = {}): Action => ({
    ...{ id, title: id, group: 'Run', run: () => void done.push(id) },
    ...more,
  });
  const registry = (keys: Record<string, string[]> = {}): ActionRegistry => {
    const made = new ActionRegistry(() => keys);
    made.add(
      action('start', { title: 'Start the machine', keys: ['F5'] }),
      action('reset', { enabled: () => 'it is off' }),
    );
    return made;
  };
  test('keys are the action’s own, or the user’s instead', () => {
    expect(registry().byKey('F5')?.id).toBe('start');
    const changed = registry({ start: ['F9'], reset: ['F5'] });
    expect(changed.byKey('F9')?.id).toBe('start');
    expect(changed.byKey('F5')?.id).toBe('reset');
    expect(registry({ start: [] }).byKey('F5')).toBeNull();
  });
  test('what cannot be done is not done, and says why', () => {
    const actions = registry();
    expect(actions.obstacle(actions.get('reset'))).toBe('it is off');
    expect(actions.invoke('reset')).toBe(false);
    expect(actions.invoke('start')).toBe(true);
    expect(done).toEqual(['start']);
  });
  test('search takes words, and letters in their order', () => {
    const actions = registry();
    expect(actions.search('machine').map((a) => a.id)).toEqual(['start']);
    expect(actions.search('rst').map((a) => a.id)).toContain('reset');
    expect(actions.search('xyz')).toEqual([]);
    expect(actions.search('').length).toBe(2);
  });
  test('two actions of one name are a mistake', () => {
    expect(() => registry().add(action('start'))).toThrow('two actions');
  });
});
