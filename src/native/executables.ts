import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { OcupError } from '../base/errors.ts';
import { installRoot } from '../base/install-root.ts';

/** The programs that are built beside the addon. */
export type ExecutableName = 'ocup-runtime' | 'ocup-shim' | 'ocup-init' | 'ocup-copy';

/**
 * The absolute path of one of ocup's own executables.
 *
 * @throws E_HOST_NATIVE when it is not built
 */
export function executablePath(name: ExecutableName): string {
  const path = join(installRoot(), 'build', 'Release', name);
  if (existsSync(path)) return path;
  throw new OcupError('E_HOST_NATIVE', `cannot find ${name}: ${path} does not exist`, {
    hint: 'Run `npm run build:native` in the folder of ocup.',
  });
}
