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
  switch (action.kind) {
    case 'image.pull':
    case 'image.remove':
      return action.image;
    case 'network.create':
    case 'volume.create':
      return action.config.name;
    case 'container.create':
      return action.finalName;
    case 'network.remove':
    case 'volume.remove':
    case 'container.replace':
    case 'container.rename':
    case 'container.start':
    case 'container.unpause':
    case 'container.pause':
    case 'container.stop':
    case 'container.kill':
    case 'container.remove':
    case 'container.keep':
      return action.name;
  }
}
