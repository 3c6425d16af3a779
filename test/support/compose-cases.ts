import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A project to load: its files and how the loader is called. */
export interface ComposeCase {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly configFiles: readonly string[];
  readonly profiles: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const GOLDEN = join(import.meta.dirname, '..', 'golden', 'compose');

const SURROUNDINGS = `
networks: {n1: , n2: }
volumes: {v1: , v2: }
secrets: {s1: {file: ./s1.txt}, s2: {environment: HOME}}
configs: {c1: {content: hi}, c2: {file: ./c2.txt}}
models: {m1: {model: ai/m}}
`;

const SIDE_FILES = {
  'a.env': 'FROM_A=1\nOTHER=a\n',
  'b.env': 'FROM_B=2\nFROM_A=b\n',
  'raw.env': 'A="quoted" # kept\n',
  'labels.txt': 'FROM_FILE=1\nsecond=2\n',
};

const ENVIRONMENT = { HOME: '/home/user', SET: 'set', SET2: '82', EMPTY: '' };

/** Every case of the golden folder. */
export async function readComposeCases(): Promise<readonly ComposeCase[]> {
  const [attributes, merges, projects] = await Promise.all(
    ['attributes.txt', 'merges.txt', 'projects.txt'].map((name) =>
      readFile(join(GOLDEN, name), 'utf8'),
    ),
  );
  return [
    ...linesOf(attributes ?? '').map(attributeCase),
    ...linesOf(merges ?? '').map(mergeCase),
    ...projectCases(projects ?? ''),
  ];
}

/** Writes the files of `project` into a fresh folder, and removes it when `work` is done. */
export async function withCase<T>(
  project: ComposeCase,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const top = await realpath(await mkdtemp(join(tmpdir(), 'ocup-compose-')));
  const folder = join(top, 'project');
  try {
    await mkdir(folder);
    for (const [path, content] of Object.entries(project.files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    return await work(folder);
  } finally {
    await rm(top, { recursive: true, force: true });
  }
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

function attributeCase(line: string): ComposeCase {
  const text = `services: {a: {image: x, ${line}}, b: {image: y}}${SURROUNDINGS}`;
  const withoutImage = /^(image|build):/.test(line) ? text.replace('image: x, ', '') : text;
  return {
    name: line,
    files: { 'compose.yaml': withoutImage, ...SIDE_FILES },
    configFiles: [],
    profiles: ['*'],
    environment: ENVIRONMENT,
  };
}

function mergeCase(line: string): ComposeCase {
  const [base = '', override = ''] = line.split(' ==> ');
  const first = `services: {a: {image: x, ${base}}, b: {image: y}}${SURROUNDINGS}`;
  const second = override.startsWith('{') ? override : `{${override}}`;
  return {
    name: line,
    files: {
      'compose.yaml': base.startsWith('image:') ? first.replace('image: x, ', '') : first,
      'compose.override.yaml': `services: {a: ${second}}`,
      ...SIDE_FILES,
    },
    configFiles: [],
    profiles: ['*'],
    environment: ENVIRONMENT,
  };
}

function projectCases(text: string): readonly ComposeCase[] {
  const [, ...sections] = text.split(/^#% case /m);
  return sections.map((section) => {
    const name = section.slice(0, section.indexOf('\n'));
    const files: Record<string, string> = {};
    const environment: Record<string, string> = { HOME: '/home/user' };
    let configFiles: string[] = [];
    let profiles: string[] = [];
    let current: string | undefined;
    for (const line of section.slice(name.length + 1).split('\n')) {
      const [, word, rest = ''] = /^#% (\w+) (.*)$/.exec(line) ?? [];
      if (word === 'file') {
        current = rest;
        files[rest] = '';
      } else if (word === 'env')
        environment[rest.split('=')[0] ?? ''] = rest.slice(rest.indexOf('=') + 1);
      else if (word === 'files') configFiles = rest.split(' ');
      else if (word === 'profiles') profiles = rest.split(' ');
      else if (current !== undefined) files[current] = `${files[current] ?? ''}${line}\n`;
    }
    for (const [path, content] of Object.entries(files))
      files[path] = content.replace(/\n\n$/, '\n');
    return { name, files, configFiles, profiles, environment };
  });
}
