import { messageOf } from '../base/errors.ts';
import type { Problems } from './problems.ts';
import type { RawNode } from './raw-tree.ts';
import { readYaml } from './read-yaml.ts';
import type { SourceFiles } from './source-files.ts';

/** So many characters of compose files are kept parsed by a process that loads projects again and again. */
const MAX_KEPT_LENGTH = 2 * 1024 * 1024;

/** Faultless files by path and text, the one used last at the end. Trees are never changed in place. */
const kept = new Map<string, readonly RawNode[]>();
let keptLength = 0;

/** A compose file, or why there is none. */
export type ParsedFile =
  | { readonly kind: 'parsed'; readonly documents: readonly RawNode[]; readonly isValid: boolean }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Reads each file once, however often it is extended, included or asked for its name. */
export class ParsedFiles {
  private readonly files: SourceFiles;
  private readonly problems: Problems;
  private readonly parsed = new Map<string, Promise<ParsedFile>>();

  constructor(files: SourceFiles, problems: Problems) {
    this.files = files;
    this.problems = problems;
  }

  /** The documents of `path`, before interpolation; what is wrong with them has been told. */
  read(path: string): Promise<ParsedFile> {
    const known = this.parsed.get(path) ?? this.parse(path);
    this.parsed.set(path, known);
    return known;
  }

  private async parse(path: string): Promise<ParsedFile> {
    try {
      const text = await this.files.read(path);
      if (text === undefined)
        return { kind: 'unreadable', reason: `open ${path}: no such file or directory` };
      return { kind: 'parsed', ...readOrRecall(path, text, this.problems) };
    } catch (error) {
      const isFolder = error instanceof Error && 'code' in error && error.code === 'EISDIR';
      const reason = isFolder
        ? `read ${path}: is a directory`
        : `cannot read ${path}: ${messageOf(error)}`;
      return { kind: 'unreadable', reason };
    }
  }
}

function readOrRecall(
  path: string,
  text: string,
  problems: Problems,
): { readonly documents: readonly RawNode[]; readonly isValid: boolean } {
  const key = `${path}\0${text}`;
  const known = kept.get(key);
  if (known !== undefined) {
    kept.delete(key);
    kept.set(key, known);
    return { documents: known, isValid: true };
  }
  const [errors, all] = [problems.errorCount, problems.count];
  const documents = readYaml(text, path, problems);
  if (problems.count === all) keep(key, documents);
  return { documents, isValid: problems.errorCount === errors };
}

function keep(key: string, documents: readonly RawNode[]): void {
  if (key.length > MAX_KEPT_LENGTH) return;
  kept.set(key, documents);
  keptLength += key.length;
  for (const oldest of kept.keys()) {
    if (keptLength <= MAX_KEPT_LENGTH) return;
    kept.delete(oldest);
    keptLength -= oldest.length;
  }
}
