import { basename } from 'node:path';

import { isOcupError } from '../../../base/errors.ts';
import {
  type Reference,
  formatFamiliarReference,
  parseReference,
} from '../../../model/reference.ts';
import type { ConfFile } from './registries-conf.ts';
import { badSettings, fieldsOf, textOf } from './settings-file.ts';

/** Where an alias leads to. */
export interface Alias {
  readonly reference: Reference;
  /** The file that says so. */
  readonly path: string;
}

/** What distributions install with containers/image: names of their own for images that Docker Hub has as well. */
const INSTALLED = /^(?:\d+-)?shortnames\.conf$/;

/**
 * The `[aliases]` entry for an image of Docker Hub; of several files the last one counts. A name without a registry
 * is one of Docker Hub as in every compose file: lists that were installed rather than written, and the registries to
 * search, do not change what it means.
 *
 * @throws E_IMAGE_REGISTRY when the alias is not a name of images
 * @see containers-registries.conf(5)
 */
export function findAlias(reference: Reference, files: readonly ConfFile[]): Alias | undefined {
  const { domain, repository, tag, digest } = reference;
  if (domain !== 'docker.io' || repository === '') return undefined;
  const short = formatFamiliarReference({ domain, repository, tag: undefined, digest: undefined });
  const found = [...files]
    .reverse()
    .filter(({ path }) => !INSTALLED.test(basename(path)))
    .flatMap(({ path, fields }) => {
      const name = textOf(fieldsOf(fields['aliases'])[short]);
      return name === undefined ? [] : [{ name, path }];
    })[0];
  if (found === undefined) return undefined;
  const named = parseAlias(found.name, found.path);
  const place = { domain: named.domain, repository: named.repository };
  const isSame = place.domain === domain && place.repository === repository;
  return isSame ? undefined : { reference: { ...place, tag, digest }, path: found.path };
}

function parseAlias(name: string, path: string): Reference {
  try {
    const reference = parseReference(name);
    // Tag and digest are those of the name that was typed.
    const isBare = !/@|:[^/]*$/.test(name);
    if (isBare && name.startsWith(`${reference.domain}/`)) return reference;
  } catch (error) {
    if (!isOcupError(error, 'E_IMAGE_REFERENCE')) throw error;
  }
  throw badSettings(path, `the alias ${name} is not a registry and a repository`);
}
