import { basename } from 'node:path';
import { OcupError } from '../base/errors.ts';

/**
 * The name of the project: given on the command line or in `COMPOSE_PROJECT_NAME`, else written in the
 * files, else that of the folder. The latter two are made fit: lower case, only letters, digits, `-`, `_`.
 *
 * @throws E_COMPOSE_INVALID for a given name that is not valid, or when nothing is left of the others or of
 * the one in the files
 * @see compose-spec 04-version-and-name.md#name-top-level-element
 */
export function chooseProjectName(sources: {
  readonly given: string | undefined;
  readonly inFiles: string | undefined;
  readonly folders: readonly string[];
}): string {
  const { given, inFiles, folders } = sources;
  if (given !== undefined && given !== '') {
    if (normaliseName(given) !== given) throw invalidName(given);
    return given;
  }
  const others = inFiles === undefined ? folders.map((folder) => basename(folder)) : [inFiles];
  for (const name of others) {
    const fit = normaliseName(name);
    if (fit !== '') return fit;
  }
  throw new OcupError('E_COMPOSE_INVALID', 'project name must not be empty', {
    hint: 'name the project with -p or with `name:` at the top of the file',
  });
}

/** `Foo Bar_1` as `foobar_1`. */
export function normaliseName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}

function invalidName(name: string): OcupError {
  const rule =
    'must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number';
  const fit = normaliseName(name);
  return new OcupError(
    'E_COMPOSE_INVALID',
    `invalid project name ${JSON.stringify(name)}: ${rule}`,
    {
      hint: fit === '' ? undefined : `use ${JSON.stringify(fit)}`,
    },
  );
}
