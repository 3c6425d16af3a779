import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { OcupError } from '../base/errors.ts';
import { type LayerEntry, findInLayers } from '../native/trees.ts';

/** Read-only access to what a container made from an image would see as its root. */
export interface RootView {
  /** What is at `path`, links followed inside the root; undefined if there is nothing. */
  find(path: string): Promise<LayerEntry | undefined>;
  /**
   * The content of the file at `path`; undefined if there is no regular file.
   * @throws E_IMAGE_STORE when it is larger than 16 MiB
   */
  readFile(path: string): Promise<Buffer | undefined>;
}

const MAX_FILE_BYTES = 16 * 1024 * 1024;
const TYPE_MASK = 0o170000;
const REGULAR_FILE = 0o100000;

/** Looks into layers (their folders from the top) without a mount: whiteouts, opaque folders and links are honoured. */
export function openRootView(folders: readonly string[]): RootView {
  return {
    find: (path) => findInLayers(folders, path),
    async readFile(path) {
      const found = await findInLayers(folders, path);
      const folder = found === undefined ? undefined : folders[found.layer];
      if (found === undefined || folder === undefined) return undefined;
      if ((found.mode & TYPE_MASK) !== REGULAR_FILE) return undefined;
      if (found.sizeBytes > MAX_FILE_BYTES) {
        throw new OcupError(
          'E_IMAGE_STORE',
          `cannot read ${path} of the image: it is larger than ${MAX_FILE_BYTES} bytes`,
        );
      }
      return readFile(join(folder, found.path));
    },
  };
}
