import { lstat, readdir } from 'node:fs/promises';
import { sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { findErrno } from '../../base/errors.ts';
import type { PathFilter } from './ignore.ts';
import type { WatchRule } from './rules.ts';

/** A rule with the paths that it is about. */
export interface FilteredRule {
  readonly rule: WatchRule;
  readonly filter: PathFilter;
}

/** Rules with the paths that changed under each, absolute. */
export type Changes = ReadonlyMap<WatchRule, ReadonlySet<string>>;

/** Changes are taken together when nothing more came for so long, and at last after `LONGEST_MS`. */
const CALM_MS = 100;
const LONGEST_MS = 1000;

/** Watches the files of rules, and gathers what changes. */
export class ChangeWatcher {
  private readonly rules: readonly FilteredRule[];
  private readonly watcher: FSWatcher;
  private gathered = new Map<WatchRule, Set<string>>();
  private calm: NodeJS.Timeout | undefined;
  private firstAt = 0;
  private taker: (() => void) | undefined;
  private isReady = false;
  private isClosed = false;

  private constructor(rules: readonly FilteredRule[], onError: (error: unknown) => void) {
    this.rules = rules;
    this.watcher = watch([...new Set(rules.map(({ rule }) => rule.path))], {
      ignoreInitial: true,
      followSymlinks: false,
      ignored: (path, stats) => stats?.isDirectory() === true && this.isClosedTo(path),
    });
    this.watcher.on('all', (_, path) => this.note(path));
    this.watcher.on('error', onError);
  }

  /** Resolves when every change from now on is seen. `onError` hears of what cannot be watched. */
  static async open(
    rules: readonly FilteredRule[],
    onError: (error: unknown) => void,
  ): Promise<ChangeWatcher> {
    const changes = new ChangeWatcher(rules, onError);
    await new Promise<void>((resolve) => changes.watcher.once('ready', resolve));
    changes.isReady = true;
    return changes;
  }

  /** What changed since the last call, once it is calm; undefined when it was closed. */
  async next(): Promise<Changes | undefined> {
    if (!this.isClosed && !this.isTakeable()) {
      await new Promise<void>((resolve) => (this.taker = resolve));
    }
    if (this.isClosed) return undefined;
    const { gathered } = this;
    this.gathered = new Map();
    return gathered;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.calm);
    this.wake();
    await this.watcher.close();
  }

  private isTakeable(): boolean {
    return this.gathered.size > 0 && this.calm === undefined;
  }

  private wake(): void {
    this.taker?.();
    this.taker = undefined;
  }

  /** Whether no rule can be about something in this folder. */
  private isClosedTo(folder: string): boolean {
    const about = this.rules.filter(({ rule }) => isWithin(folder, rule.path));
    return about.length > 0 && about.every(({ filter }) => filter.isClosed(folder));
  }

  private note(path: string): void {
    if (!this.isReady) return;
    let isNoted = false;
    for (const { rule, filter } of this.rules) {
      if (!isWithin(path, rule.path) || !filter.isWanted(path)) continue;
      const paths = this.gathered.get(rule) ?? new Set();
      this.gathered.set(rule, paths.add(path));
      isNoted = true;
    }
    if (isNoted) this.waitForCalm();
  }

  private waitForCalm(): void {
    const now = performance.now();
    if (this.calm === undefined) this.firstAt = now;
    clearTimeout(this.calm);
    const pauseMs = Math.min(CALM_MS, Math.max(0, this.firstAt + LONGEST_MS - now));
    this.calm = setTimeout(() => {
      this.calm = undefined;
      this.wake();
    }, pauseMs);
  }
}

/** All that a rule is about now; nothing where its path is not there. */
export async function allPaths({ rule, filter }: FilteredRule): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = `${folder}${sep}${entry.name}`;
      if (filter.isWanted(path)) found.add(path);
      if (entry.isDirectory() && !filter.isClosed(path)) await visit(path);
    }
  };
  const root = await lstat(rule.path).catch((error: unknown) => {
    if (findErrno(error) !== 'ENOENT') throw error;
    return undefined;
  });
  if (root?.isDirectory() === true) await visit(rule.path);
  else if (root !== undefined) found.add(rule.path);
  return found;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}
