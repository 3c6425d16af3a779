import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What one runtime made of one case, by name: `1.code`, `1.see.status.CapEff`, `left`. */
export type Observation = ReadonlyMap<string, string>;

const KINDS = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'];

/** In the order in which they are asked for: what an error is about, whatever its words are. */
const ERROR_CLASSES: readonly (readonly [RegExp, string])[] = [
  [/executable file.*not found|exec.*: (stat .*)?no such file/i, 'no such program'],
  [/does not exist|no such container|not exist/i, 'absent'],
  [/permission denied/i, 'permission denied'],
  [/not permitted/i, 'not permitted'],
  [/already|\bin use\b|exists/i, 'exists'],
  [/no such file|not found|cannot find/i, 'missing'],
  [/./, 'other'],
];

/** Reads what run-corpus.sh has written for `name`, with ids, folders and numbers that differ from run to run replaced. */
export function readObservations(corpus: string, name: string): Map<string, Observation> {
  const host = readFileSync(join(corpus, 'out', `${name}.host`), 'utf8')
    .trim()
    .split('\n');
  const all = new Map<string, Observation>();
  for (const [index, folder] of readdirSync(join(corpus, 'out', name))
    .sort()
    .entries()) {
    const bundle = join(corpus, 'work', name);
    const clean = (text: string): string =>
      text
        // crun escapes it in its JSON.
        .replaceAll('\\/', '/')
        .replaceAll(`ocup-${name}-${index + 1}`, 'ID')
        .replaceAll(join(bundle, 'bundle'), 'BUNDLE')
        .replaceAll(join(bundle, 'state'), 'STATE')
        .replaceAll(corpus, 'CORPUS');
    all.set(folder, readCase(join(corpus, 'out', name, folder), host, clean));
  }
  return all;
}

function readCase(
  folder: string,
  host: readonly string[],
  clean: (text: string) => string,
): Observation {
  const facts = new Map<string, string>();
  const read = (file: string): string => clean(readFileSync(join(folder, file), 'utf8').trim());
  const joined = readdirSync(folder)
    .filter((file) => file.endsWith('.link'))
    .map(read);
  for (let n = 1; existsSync(join(folder, `${n}.words`)); n += 1) {
    const code = read(`${n}.code`);
    facts.set(`${n}.code`, code);
    if (code !== '0') facts.set(`${n}.error`, errorClass(read(`${n}.err`)));
    for (const [key, value] of outputFacts(read(`${n}.out`))) {
      facts.set(`${n}.${key}`, steady(key, value, host, joined));
    }
  }
  facts.set('left', read('left'));
  return facts;
}

function errorClass(text: string): string {
  const lines = text
    .split('\n')
    .filter((line) => !/level=(warning|info|debug)|\[warning\]/.test(line));
  const whole = lines.join('\n');
  return ERROR_CLASSES.find(([pattern]) => pattern.test(whole))?.[1] ?? 'silent';
}

function outputFacts(text: string): [string, string][] {
  if (text === '') return [];
  const value = parse(text);
  if (typeof value !== 'object' || value === null) return [['out', text]];
  const isProbe = 'args' in value && 'cwd' in value;
  return flatten(isProbe ? 'see' : 'json', value, !isProbe);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function flatten(prefix: string, value: unknown, isDeep: boolean): [string, string][] {
  if (typeof value !== 'object' || value === null) {
    return [[prefix, typeof value === 'string' ? value.trim() : JSON.stringify(value)]];
  }
  if (isDeep && Object.keys(value).length === 0) return [[prefix, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, member]) =>
    flatten(`${prefix}.${key}`, member, isDeep),
  );
}

/** Numbers that the kernel gives out and times, by what they mean. */
function steady(
  key: string,
  value: string,
  host: readonly string[],
  joined: readonly string[],
): string {
  const kind = /see\.ns\.(\w+)$/.exec(key)?.[1];
  if (kind !== undefined && KINDS.includes(kind)) {
    return joined.includes(value) ? 'joined' : host.includes(value) ? 'host' : 'own';
  }
  // What there is of it depends on what else happens at that moment.
  if (key.endsWith('.super') || key.endsWith('.out'))
    return value.replace(/,size=\d{7,}k,nr_inodes=\d+/, '');
  if (key.endsWith('session.pid')) return value === '1' ? '1' : 'not 1';
  if (/json(\.\d+)?\.(pid|created)$/.test(key)) return value === '0' ? '0' : 'some';
  return value;
}
