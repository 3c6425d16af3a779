import { hasJournal } from '../host/journal.ts';
import type { ContainerRecord } from './record.ts';

/**
 * What each entry says beside the text, as `NAME=value` with docker's names; undefined where the container's
 * output does not go to the journal. @see docker docs, "Journald logging driver"
 */
export function journalFields(record: ContainerRecord): readonly string[] | undefined {
  const { id, config, imageId } = record;
  const { logging } = config;
  if (logging?.driver !== 'journald' || !hasJournal()) return undefined;
  const values: Readonly<Record<string, string>> = {
    ID: id.slice(0, 12),
    FullID: id,
    Name: config.name,
    ImageName: config.image,
    ImageID: imageId.replace(/^sha256:/, '').slice(0, 12),
    ImageFullID: imageId,
    DaemonName: 'ocup',
  };
  const template = logging.options['tag'] ?? '{{.ID}}';
  const tag = template.replace(
    /\{\{\s*\.(\w+)\s*\}\}/g,
    (whole, name: string) => values[name] ?? whole,
  );
  return [
    `CONTAINER_ID=${id.slice(0, 12)}`,
    `CONTAINER_ID_FULL=${id}`,
    `CONTAINER_NAME=${config.name}`,
    `CONTAINER_TAG=${tag}`,
    `IMAGE_NAME=${config.image}`,
    `SYSLOG_IDENTIFIER=${tag}`,
    ...chosen(logging.options['labels'], (name) => config.labels[name]),
    ...chosen(logging.options['env'], (name) => config.environment[name]),
  ];
}

/** Those of a list of names that have a value, under names that the journal takes. */
function chosen(
  names: string | undefined,
  valueOf: (name: string) => string | null | undefined,
): string[] {
  return (names ?? '').split(',').flatMap((name) => {
    const value = valueOf(name.trim());
    const field = name
      .trim()
      .toUpperCase()
      .replace(/[^A-Z0-9]/g, '_')
      .replace(/^[_0-9]+/, '');
    return typeof value === 'string' && field !== '' ? [`${field}=${value}`] : [];
  });
}
