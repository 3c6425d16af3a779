import { findComparableTime } from '../base/comparable-time.ts';

/** Which of the things that nobody uses are meant. */
export interface PruneFilter {
  /** RFC 3339: only what was made before. */
  readonly createdBefore: string | undefined;
  /** `key` or `key=value`; all of them must be there. */
  readonly labels: readonly string[];
  /** The same; none of them may be there. */
  readonly withoutLabels: readonly string[];
}

export const PRUNE_ALL: PruneFilter = { createdBefore: undefined, labels: [], withoutLabels: [] };

/** Whether something is meant; what does not say when it was made was made long ago. */
export function isMeant(
  filter: PruneFilter,
  thing: {
    readonly createdAt: string | undefined;
    readonly labels: Readonly<Record<string, string>>;
  },
): boolean {
  const { createdBefore, labels, withoutLabels } = filter;
  const bound = createdBefore === undefined ? undefined : findComparableTime(createdBefore);
  const createdAt = findComparableTime(thing.createdAt ?? '') ?? '';
  if (bound !== undefined && createdAt > bound) return false;
  const has = (label: string): boolean => hasLabel(thing.labels, label);
  return labels.every(has) && !withoutLabels.some(has);
}

/** Whether labels hold `key`, or `key=value`. */
export function hasLabel(labels: Readonly<Record<string, string>>, label: string): boolean {
  const at = label.indexOf('=');
  if (at < 0) return Object.hasOwn(labels, label);
  return (
    Object.hasOwn(labels, label.slice(0, at)) && labels[label.slice(0, at)] === label.slice(at + 1)
  );
}
