import { loadAddon } from './addon.ts';

/** Something in a stack of layers. */
export interface LayerEntry {
  /** Which of the folders shows it, counted from the top. */
  readonly layer: number;
  /** The way to it in that folder, without links; empty for the top. */
  readonly path: string;
  /** As in `stat`, with the type of the file. */
  readonly mode: number;
  readonly sizeBytes: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Looks up `path` in what overlayfs would show of `folders` (from the top), as a process would whose root that is:
 * links resolve inside, whiteouts and opaque folders hide. A link at the end is followed unless told.
 */
export async function findInLayers(
  folders: readonly string[],
  path: string,
  options: { readonly followsLast?: boolean } = {},
): Promise<LayerEntry | undefined> {
  const found = await loadAddon().findInLayers(folders, path, options.followsLast ?? true);
  if (found === undefined) return undefined;
  const [layer, place, mode, sizeBytes, uid, gid] = found;
  return { layer, path: place, mode, sizeBytes, uid, gid };
}

/**
 * Copies what overlayfs would show of `folders` (from the top) into the empty folder `target`, with owners, modes,
 * times, extended attributes, devices and hard links; content is shared where the file system can. Resolves
 * with how many of these could not be kept for want of privileges. On failure part of it is left.
 */
export function exportTree(folders: readonly string[], target: string): Promise<number> {
  return loadAddon().exportTree(folders, target);
}

/**
 * The first difference of the tree below `other` from that below `folder` (`usr/bin/env: content`): types, modes, owners,
 * times, links, device numbers, extended attributes, marks of overlayfs, and all content. Undefined: there is none.
 */
export async function findDifference(folder: string, other: string): Promise<string | undefined> {
  const difference = await loadAddon().findDifference(folder, other);
  return difference === '' ? undefined : difference;
}

/**
 * The extended attributes of what is at `paths` in `folder`, a list for each, links not followed; those of overlayfs
 * itself are left out.
 */
export function readAttributes(
  folder: string,
  paths: readonly string[],
): Promise<(readonly [name: string, value: Buffer])[][]> {
  return loadAddon().readAttributes(folder, paths);
}

/** Removes what is at `path` and below, never following links; resolves with the bytes it held on disk. Idempotent. */
export function removeTree(path: string): Promise<number> {
  return loadAddon().removeTree(path);
}

/** Resolves when all that was written to the file system of `path` so far is on disk. @see man 2 syncfs */
export function syncFileSystem(path: string): Promise<void> {
  return loadAddon().syncFileSystem(path);
}

/**
 * Tells the file system that what is in one subfolder of `path` has nothing to do with what is in another, for ext4 to
 * put each into a block group of its own: a group in which many files were removed within the last minute is slow to
 * make new ones in. Whether there was somebody to tell.
 *
 * @see man 1 chattr, T
 */
export function spreadSubfolders(path: string): boolean {
  return loadAddon().spreadSubfolders(path);
}
