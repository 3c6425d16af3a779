import { findComparableTime } from '../base/comparable-time.ts';
import { OcupError } from '../base/errors.ts';
import type { Image } from '../model/image.ts';
import { hasLabel } from '../model/prune-filter.ts';
import { familiarName, splitImageName } from './format/image-name.ts';
import { parseTimeBound } from './logs/time-bound.ts';

export interface ImageFilterContext {
  readonly nowMs: number;
  /** The image that `before=` or `since=` names. @throws E_IMAGE_NOT_FOUND */
  readonly find: (nameOrId: string) => Promise<Image>;
}

/** The names of an image that are to be listed, which may be none; undefined: not even without a name. */
export type ImageFilter = (image: Image) => readonly string[] | undefined;

/**
 * What `--filter` of `image ls` lets through, in docker's words: `dangling`, `label`, `reference` (any of several),
 * `before`, `since` and `until`.
 * @throws E_USAGE, E_IMAGE_NOT_FOUND
 */
export async function parseImageFilter(
  filters: readonly (readonly [string, string | undefined])[],
  context: ImageFilterContext,
): Promise<ImageFilter> {
  const tests: ((image: Image) => boolean)[] = [];
  const patterns: string[] = [];
  for (const [key, value = ''] of filters) {
    if (key === 'reference') patterns.push(value);
    else tests.push(await parseTest(key, value, context));
  }
  return (image) => {
    if (!tests.every((isMeant) => isMeant(image))) return undefined;
    if (patterns.length === 0) return image.names;
    const names = image.names.filter((name) => patterns.some((one) => isReference(name, one)));
    return names.length === 0 ? undefined : names;
  };
}

async function parseTest(
  key: string,
  value: string,
  { nowMs, find }: ImageFilterContext,
): Promise<(image: Image) => boolean> {
  switch (key) {
    case 'dangling': {
      const isWanted = parseFlag(key, value);
      return ({ names }) => (names.length === 0) === isWanted;
    }
    case 'label':
      return ({ config }) => hasLabel(config.labels, value);
    case 'before':
    case 'until': {
      const bound = key === 'until' ? parseTimeBound(value, nowMs) : createdOf(await find(value));
      return (image) => createdOf(image) < (findComparableTime(bound ?? '') ?? '');
    }
    case 'since': {
      const bound = createdOf(await find(value));
      return (image) => createdOf(image) > bound;
    }
    default:
      throw new OcupError('E_USAGE', `invalid filter ${JSON.stringify(key)}`, {
        hint: 'use reference, dangling, label, before, since or until',
      });
  }
}

function createdOf({ config }: Image): string {
  return findComparableTime(config.created ?? '') ?? '';
}

function parseFlag(key: string, value: string): boolean {
  if (/^(?:1|t|true)$/i.test(value)) return true;
  if (/^(?:0|f|false)$/i.test(value)) return false;
  throw new OcupError('E_USAGE', `invalid filter '${key}=${value}'`, {
    hint: 'use true or false',
  });
}

/** As Go's `path.Match` on the name as people write it, with or without its tag. */
function isReference(name: string, pattern: string): boolean {
  const expression = globExpression(pattern);
  const { repository } = splitImageName(name);
  return expression.test(familiarName(name)) || expression.test(repository);
}

function globExpression(pattern: string): RegExp {
  const source = pattern.replace(
    /\\(.)|\[(\^?)((?:\\.|[^\]])+)\]|[*?]|[^\\[*?]+|[\\[]/g,
    (part: string, escaped?: string, negation?: string, members?: string) => {
      if (escaped !== undefined) return escapeText(escaped);
      if (members !== undefined) return `[${negation ?? ''}${members.replace(/[\]^[]/g, '\\$&')}]`;
      if (part === '*') return '[^/]*';
      return part === '?' ? '[^/]' : escapeText(part);
    },
  );
  try {
    return new RegExp(`^${source}$`);
  } catch {
    throw new OcupError(
      'E_USAGE',
      `invalid filter 'reference=${pattern}': syntax error in pattern`,
    );
  }
}

function escapeText(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
