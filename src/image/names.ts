import type { Descriptor } from '../model/descriptor.ts';
import {
  type ImageSource,
  formatFamiliarReference,
  formatImageSource,
  formatReference,
} from '../model/reference.ts';
import { REF_NAME, TAGGED_AT } from './layout.ts';

/** The name of an entry of the index; undefined: it has lost its name. */
export function entryName(entry: Descriptor): string | undefined {
  return entry.annotations?.[REF_NAME];
}

/** When the entry got its name, RFC 3339. */
export function entryTaggedAt(entry: Descriptor): string {
  return entry.annotations?.[TAGGED_AT] ?? '1970-01-01T00:00:00.000Z';
}

/** What an image is called here. A name with tag and digest goes by its digest. */
export function nameOfSource(source: ImageSource): string {
  if (source.kind !== 'registry') return formatImageSource(source);
  const { reference } = source;
  if (reference.digest === undefined) return formatReference(reference);
  return formatReference({ ...reference, tag: undefined });
}

/** As people write it: without `docker.io/library/`. */
export function shownName(source: ImageSource): string {
  return source.kind === 'registry'
    ? formatFamiliarReference(source.reference)
    : formatImageSource(source);
}

/**
 * Gives `name` to `target`. What had the name before stays without one, unless it has another, so that containers made
 * from it keep their image.
 */
export function withName(
  entries: readonly Descriptor[],
  name: string,
  target: Descriptor,
  taggedAt: string,
): Descriptor[] {
  const annotations = { ...target.annotations, [REF_NAME]: name, [TAGGED_AT]: taggedAt };
  const named: Descriptor = { ...target, annotations };
  const others = withoutName(entries, name);
  return [...others.filter((entry) => !isNamelessCopy(entry, target)), named];
}

/** Takes `name` away; its image stays without a name unless it has another. */
export function withoutName(entries: readonly Descriptor[], name: string): Descriptor[] {
  const gone = entries.find((entry) => entryName(entry) === name);
  const others = entries.filter((entry) => entry !== gone);
  if (gone === undefined || others.some((entry) => entry.digest === gone.digest)) return others;
  const rest = Object.entries(gone.annotations ?? {}).filter(([key]) => key !== REF_NAME);
  return [...others, { ...gone, annotations: Object.fromEntries(rest) }];
}

function isNamelessCopy(entry: Descriptor, target: Descriptor): boolean {
  return entryName(entry) === undefined && entry.digest === target.digest;
}
