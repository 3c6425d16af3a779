import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const NATIVE = resolve(import.meta.dirname, '../../native');
const CACHE = resolve(import.meta.dirname, '../../.cache/fuzz');
const run = promisify(execFile);

const FLAGS = [
  '-std=c++20',
  '-D_GNU_SOURCE',
  '-O1',
  '-g',
  '-fno-omit-frame-pointer',
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
  `-I${NATIVE}`,
];

/** The addon's sources between a blob and a settled layer, without Node. */
const SOURCES = [
  ...['base/error.cc', 'base/file.cc', 'base/path_in_root.cc', 'base/path_walk.cc'],
  ...['decompressor', 'file_copy', 'file_metadata', 'file_writer', 'folder_entries'].map(addon),
  ...['layer_path', 'layer_settle', 'layer_tree', 'merged_view'].map(addon),
  ...['tar_extended', 'tar_header', 'tar_reader'].map(addon),
  ...['test/fuzz_main.cc', 'test/layer_fuzz.cc'],
];

/** Builds `layer-fuzz` with sanitizers, unless one of these very sources is there; gives its path. */
export async function buildLayerFuzz(): Promise<string> {
  const program = join(CACHE, `layer-fuzz-${await digestOfSources()}`);
  if (existsSync(program)) return program;
  await rm(CACHE, { recursive: true, force: true });
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, 'objects-'));
  const left = [...SOURCES];
  const work = async (): Promise<string[]> => {
    const objects: string[] = [];
    for (let source = left.pop(); source !== undefined; source = left.pop()) {
      const object = join(folder, `${source.replaceAll('/', '-')}.o`);
      await run('g++', [...FLAGS, '-c', join(NATIVE, source), '-o', object]);
      objects.push(object);
    }
    return objects;
  };
  const objects = (await Promise.all([work(), work()])).flat();
  const linked = join(folder, 'layer-fuzz');
  const libraries = ['-lisal', '-lzstd', '-pthread'];
  await run('g++', ['-fsanitize=address,undefined', '-o', linked, ...objects, ...libraries]);
  await rename(linked, program);
  await rm(folder, { recursive: true });
  return program;
}

async function digestOfSources(): Promise<string> {
  const hash = createHash('sha256').update(FLAGS.join(' '));
  for (const folder of ['addon', 'base', 'test']) {
    const names = (await readdir(join(NATIVE, folder))).sort();
    for (const name of names.filter((one) => folder !== 'test' || one.includes('fuzz'))) {
      hash.update(name).update(await readFile(join(NATIVE, folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

function addon(name: string): string {
  return `addon/${name}.cc`;
}
