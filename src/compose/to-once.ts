import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { messageOf } from '../base/errors.ts';
import type { JsonObject, Once } from '../model/project.ts';
import { type Conversion, refuse } from './conversion.ts';
import { isObject, objectAt, textsAt } from './fields.ts';

/**
 * `x-ocup.once`: `true`, or `inputs:` with paths of files and folders whose change makes the service run again.
 * Undefined where it is not set or false.
 */
export function toOnce(
  service: JsonObject,
  name: string,
  conversion: Conversion,
): Once | undefined {
  const once = objectAt(service, 'x-ocup')?.['once'];
  const path = ['services', name, 'x-ocup', 'once'];
  if (once === undefined || once === null || once === false) return undefined;
  if (once === true) return { inputs: undefined };
  const inputs = isObject(once) ? textsAt(once, 'inputs') : [];
  if (inputs.length === 0) {
    refuse(conversion, path, 'once must be true or have a list of inputs', 'write `once: true`');
    return undefined;
  }
  try {
    const hash = createHash('sha256');
    for (const input of inputs) addTree(hash, resolve(conversion.workingDir, input), input);
    return { inputs: hash.digest('hex') };
  } catch (error) {
    refuse(conversion, path, `cannot read an input: ${messageOf(error)}`);
    return undefined;
  }
}

type Hash = ReturnType<typeof createHash>;

/** Names, kinds, permissions and contents; neither times nor owners, which a checkout changes. */
function addTree(hash: Hash, path: string, name: string): void {
  const info = lstatSync(path);
  const mode = (info.mode & 0o777).toString(8);
  if (info.isSymbolicLink()) {
    hash.update(`link ${name}\0${readlinkSync(path)}\0`);
  } else if (info.isDirectory()) {
    hash.update(`folder ${name} ${mode}\0`);
    for (const entry of readdirSync(path).sort()) {
      addTree(hash, join(path, entry), `${name}/${entry}`);
    }
  } else if (info.isFile()) {
    const content = createHash('sha256').update(readFileSync(path)).digest('hex');
    hash.update(`file ${name} ${mode} ${content}\0`);
  }
}
