import { findBytes } from '../base/units.ts';
import type { ContainerConfig } from '../model/container.ts';
import type { JsonObject } from '../model/project.ts';
import { type Conversion, refuseUnsupported } from './conversion.ts';
import { mappingAt, objectAt, textAt } from './fields.ts';
import { locate } from './raw-tree.ts';

/** Drivers whose options are the limits of a log, and the options that docker knows for them. */
const KEPT: Readonly<Record<string, readonly string[]>> = {
  'json-file': ['compress', 'env', 'env-regex', 'labels', 'labels-regex', 'tag'],
  local: ['compress'],
};
const LIMITS = ['max-file', 'max-size'];
/** What docker takes for each driver, and what concerns how a daemon hands lines on. */
const GENERAL = ['max-buffer-size', 'mode', 'cache-disabled', 'cache-max-file', 'cache-max-size'];

/**
 * What a service says of its log. A limit that is none cannot be run; an option that the driver does not have is a
 * warning. @see compose-spec 05-services.md#logging
 */
export function toLogging(
  service: JsonObject,
  name: string,
  conversion: Conversion,
): ContainerConfig['logging'] {
  const logging = objectAt(service, 'logging');
  if (logging === undefined) return undefined;
  const driver = textAt(logging, 'driver') ?? 'json-file';
  const options = mappingAt(logging, 'options');
  const known = KEPT[driver];
  if (known !== undefined) {
    const path = ['services', name, 'logging', 'options'];
    for (const [key, value] of Object.entries(options)) {
      if (LIMITS.includes(key)) checkLimit(key, value, { path: [...path, key], conversion });
      else if (!known.includes(key) && !GENERAL.includes(key)) {
        warnOfOption([...path, key], `is ignored: ${driver} has no such option`, conversion);
      }
    }
  }
  return { driver, options };
}

function checkLimit(
  key: string,
  value: string,
  { path, conversion }: { readonly path: readonly string[]; readonly conversion: Conversion },
): void {
  if (key === 'max-size' ? isSize(value) : /^\+?0*[1-9]\d*$/.test(value)) return;
  const [what, hint] =
    key === 'max-size'
      ? ['a size', 'write a size such as 10m']
      : ['a number of files', 'write 1 or more'];
  refuseUnsupported(conversion, path, `${JSON.stringify(value)} is not ${what}`, hint);
}

/** `-1` is docker's word for no limit. */
function isSize(value: string): boolean {
  return value === '-1' || (findBytes(value) ?? 0) > 0;
}

function warnOfOption(path: readonly string[], message: string, conversion: Conversion): void {
  const { position } = locate(conversion.root, path);
  conversion.problems.warning({ position, path }, message, { topic: 'unsupported' });
}
