import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let found: string | undefined;

/** The folder that holds ocup's `package.json`, `dist/` and `build/`. */
export function installRoot(): string {
  if (found !== undefined) return found;
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('package.json of ocup not found above its own code');
    folder = parent;
  }
  found = folder;
  return folder;
}

/** ocup's version, from its `package.json`. */
export function ocupVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(join(installRoot(), 'package.json'), 'utf8'));
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) {
    return String(parsed.version);
  }
  throw new Error('package.json of ocup has no version');
}
