import { messageOf } from '../base/errors.ts';
import type { Problems } from './problems.ts';
import type { RawNode } from './raw-tree.ts';
import { readYaml } from './read-yaml.ts';
import type { SourceFiles } from './source-files.ts';

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
      const before = this.problems.errorCount;
      const documents = readYaml(text, path, this.problems);
      return { kind: 'parsed', documents, isValid: this.problems.errorCount === before };
    } catch (error) {
      return { kind: 'unreadable', reason: `cannot read ${path}: ${messageOf(error)}` };
    }
  }
}
