import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { addLayer, beginLayout, finishLayout, type WrittenLayer } from './layout-writer.ts';

const LAYERS = 5;
/** Of files, before compression: some 300 MB with gzip. */
const LAYER_BYTES = 160e6;

/** Makes an OCI layout at `layout` with one image `big` of five layers of this machine's own programs. */
export async function bigImage(layout: string): Promise<string> {
  await beginLayout(layout);
  const files = regularFiles('/usr');
  const layers: WrittenLayer[] = [];
  while (layers.length < LAYERS) {
    const paths = await take(files, LAYER_BYTES);
    if (paths.length === 0) break;
    layers.push(await addLayer(layout, '/', { paths }));
  }
  await finishLayout(layout, [{ name: 'big', layers, config: { Cmd: ['true'] } }]);
  return layout;
}

/** The next files that together have `bytes`, as paths relative to the root. */
async function take(files: AsyncGenerator<string>, bytes: number): Promise<string[]> {
  const taken: string[] = [];
  for (let total = 0; total < bytes;) {
    const { value, done } = await files.next();
    if (done === true) break;
    taken.push(`.${value}`);
    total += (await lstat(value)).size;
  }
  return taken;
}

async function* regularFiles(folder: string): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* regularFiles(path);
    else if (entry.isFile()) yield path;
  }
}
