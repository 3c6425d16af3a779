import { OcupError } from '../base/errors.ts';

/** One end of a copy: a path in a container of a service, one on this machine, or a tar stream of ours. */
export type CopyPlace =
  | { readonly kind: 'service'; readonly service: string; readonly path: string }
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'stream' };

/**
 * `SERVICE:PATH`, a local path, or `-`. A path that begins with `/` or `.` is local even with a colon in it.
 * What a path ends with is kept: `/` asks for a folder, `/.` for what is in it.
 * @throws E_USAGE
 */
export function parseCopyPlace(text: string, workingDir: string): CopyPlace {
  if (text === '-') return { kind: 'stream' };
  const colon = text.indexOf(':');
  if (colon > 0 && !text.startsWith('/') && !text.startsWith('.')) {
    const path = text.slice(colon + 1);
    if (path === '') throw new OcupError('E_USAGE', `${text} names no path in the container`);
    const service = text.slice(0, colon);
    return { kind: 'service', service, path: path.startsWith('/') ? path : `/${path}` };
  }
  if (text === '') throw new OcupError('E_USAGE', 'cp needs a path, not an empty one');
  return { kind: 'local', path: text.startsWith('/') ? text : `${workingDir}/${text}` };
}
