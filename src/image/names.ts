import { isOcupError } from '../base/errors.ts';
import type { Descriptor } from '../model/descriptor.ts';
import type { Digest } from '../model/digest.ts';
import {
  type ImageSource,
  formatFamiliarReference,
  formatImageSource,
  formatReference,
  parseReference,
} from '../model/reference.ts';
import { PINNED_AS, REF_NAME, TAGGED_AT } from './layout.ts';

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

/** Whether `wanted` means what an archive or layout calls `written`: the whole name, in any form, or its tag alone. */
export function isName(written: string, wanted: string): boolean {
  if (written === wanted || written.endsWith(`:${wanted}`)) return true;
  const full = findFullName(written);
  return full !== undefined && full === findFullName(wanted);
}

/** The full form of a name in a registry; undefined for what is none. */
export function findFullName(text: string): string | undefined {
  try {
    return formatReference(parseReference(text));
  } catch (error) {
    if (isOcupError(error, 'E_IMAGE_REFERENCE')) return undefined;
    throw error;
  }
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
  const known = entries.find((entry) => entry.digest === target.digest && isPinned(entry));
  const pinned = known?.annotations?.[PINNED_AS];
  const annotations = {
    ...target.annotations,
    [REF_NAME]: name,
    [TAGGED_AT]: taggedAt,
    ...(pinned !== undefined && { [PINNED_AS]: pinned }),
  };
  const named: Descriptor = { ...target, annotations };
  const others = withoutName(entries, name);
  return [...others.filter((entry) => !isNamelessCopy(entry, target)), named];
}

/** Keeps `target` here, without a name unless it has one. */
export function keepTarget(
  entries: readonly Descriptor[],
  target: Descriptor,
  taggedAt: string,
): readonly Descriptor[] {
  if (entries.some((entry) => entry.digest === target.digest)) return entries;
  return [...entries, { ...target, annotations: { [TAGGED_AT]: taggedAt } }];
}

/**
 * Notes that somebody relies on a digest, whatever name it came by: when a tag moves on, its entry is then called by
 * `name` and is not among those without names. Undefined when that is known.
 */
export function withPin(
  entries: readonly Descriptor[],
  name: string,
  digest: Digest,
): readonly Descriptor[] | undefined {
  const isOpen = (entry: Descriptor): boolean => entry.digest === digest && !isPinned(entry);
  if (entries.some((entry) => entryName(entry) === name) || !entries.some(isOpen)) return undefined;
  return entries.map((entry) => {
    if (!isOpen(entry)) return entry;
    const key = entryName(entry) === undefined ? REF_NAME : PINNED_AS;
    return { ...entry, annotations: { ...entry.annotations, [key]: name } };
  });
}

/** Takes `name` away; its image stays without a name unless it has another, or is pinned. */
export function withoutName(entries: readonly Descriptor[], name: string): Descriptor[] {
  const gone = entries.find((entry) => entryName(entry) === name);
  const others = entries.filter((entry) => entry !== gone);
  if (gone === undefined || others.some((entry) => entry.digest === gone.digest)) return others;
  const pinned = gone.annotations?.[PINNED_AS];
  const rest = Object.entries(gone.annotations ?? {}).filter(
    ([key]) => key !== REF_NAME && key !== PINNED_AS,
  );
  if (pinned !== undefined) rest.push([REF_NAME, pinned]);
  return [...others, { ...gone, annotations: Object.fromEntries(rest) }];
}

function isPinned(entry: Descriptor): boolean {
  return entry.annotations?.[PINNED_AS] !== undefined;
}

function isNamelessCopy(entry: Descriptor, target: Descriptor): boolean {
  return entryName(entry) === undefined && entry.digest === target.digest;
}
