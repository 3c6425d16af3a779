import type { AttributeUse } from './attributes.ts';
import { type RawMap, entriesOf, findChild, findText, formatPath } from './raw-tree.ts';

/** Attributes of the canonical tree `root` that load, and that `up` cannot do what they say about. */
export function findUnmade(root: RawMap): readonly AttributeUse[] {
  return [...builds(root), ...volumeDrivers(root)];
}

function builds(root: RawMap): readonly AttributeUse[] {
  return [...entriesOf(root, 'services')].flatMap(([name, { node }]): AttributeUse[] => {
    const build = node.kind === 'map' ? node.entries.get('build') : undefined;
    if (build === undefined) return [];
    const path = formatPath(['services', name, 'build']);
    const { position } = build;
    return findText(node, 'image') === undefined
      ? [{ path, position, status: 'refused', reason: 'ocup cannot build images yet' }]
      : [{ path, position, status: 'degraded', reason: 'the image is pulled, not built' }];
  });
}

function volumeDrivers(root: RawMap): readonly AttributeUse[] {
  return [...entriesOf(root, 'volumes')].flatMap(([name, { node }]): AttributeUse[] => {
    const driver = findChild(node, 'driver');
    const text = findText(node, 'driver');
    if (driver === undefined || text === undefined || text === '' || text === 'local') return [];
    const path = formatPath(['volumes', name, 'driver']);
    const reason = `volume driver ${text} is not supported yet`;
    return [{ path, position: driver.position, status: 'refused', reason }];
  });
}
