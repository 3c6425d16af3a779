import type { PeerRoom } from '../../support/peers.ts';
import { writeRootFilesystem } from './root-filesystem.ts';

const TIME_LIMIT_MS = 500_000;
const START = 'mkdir "$2" && mount -t tmpfs -o mode=755 client "$2" && exec sh "$0" "$@"';

/** Runs a script of this folder with a runtime in a folder of its own, and gives what it says of each name. */
export async function runClient(
  room: PeerRoom,
  script: string,
  runtime: string,
  folder: string,
): Promise<Record<string, string>> {
  const rootfs = `${folder}-rootfs`;
  writeRootFilesystem(rootfs);
  const text = await room.get(['sh', '-c', START, script, runtime, folder, rootfs], {
    timeoutMs: TIME_LIMIT_MS,
    env: { PODMAN_IGNORE_CGROUPSV1_WARNING: '1' },
  });
  return parseValues(text);
}

/** The lines `name=value` of a script of this folder. */
export function parseValues(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.includes('='));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1).trim()] as const;
    }),
  );
}
