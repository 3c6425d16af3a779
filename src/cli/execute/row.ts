import type { PlannedAction } from '../../plan/action.ts';

/** The row of progress that tells of an action: `Container app-db-1`. */
export function rowOf(action: PlannedAction): string {
  const noun = NOUNS[action.kind.slice(0, action.kind.indexOf('.'))] ?? '';
  return `${noun} ${objectOf(action)}`;
}

const NOUNS: Readonly<Record<string, string>> = {
  image: 'Image',
  network: 'Network',
  volume: 'Volume',
  container: 'Container',
};

/** The name of what an action is about, as it is in the end. */
export function objectOf(action: PlannedAction): string {
  if ('image' in action) return action.image;
  if (action.kind === 'container.create') return action.finalName;
  return 'config' in action ? action.config.name : action.name;
}
