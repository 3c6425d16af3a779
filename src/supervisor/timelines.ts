import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../base/atomic-file.ts';
import { findErrno } from '../base/errors.ts';
import { parseShape } from '../base/shape.ts';
import type { Timeline } from '../model/timeline.ts';
import { timelineShape } from '../wire/timeline-shape.ts';

/** The timeline of each project's last `up`, in the run folder: it outlives the supervisor, not the machine. */
export class Timelines {
  private readonly folder: string;

  constructor(runDir: string) {
    this.folder = join(runDir, TIMELINES);
  }

  /** Takes the place of an earlier one. @throws the system error */
  keep(timeline: Timeline): void {
    replaceFile(this.path(timeline.project), JSON.stringify(timeline), 0o600);
  }

  /** Undefined where there is none. @throws E_RECORD_DAMAGED */
  find(project: string): Timeline | undefined {
    let content: string;
    try {
      content = readFileSync(this.path(project), 'utf8');
    } catch (error) {
      if (findErrno(error) === 'ENOENT') return undefined;
      throw error;
    }
    const as = { code: 'E_RECORD_DAMAGED', name: `timeline of ${project}` } as const;
    return parseShape(timelineShape, readJson(content), as);
  }

  private path(project: string): string {
    return join(this.folder, `${encodeURIComponent(project)}.json`);
  }
}

/** What is no JSON has no shape either. */
function readJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

/** Its folder's name in the run folder. */
export const TIMELINES = 'timelines';
