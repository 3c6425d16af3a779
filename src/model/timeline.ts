/** One step of an `up`, from its begin to its end. */
export interface TimelineSpan {
  /** One of its kind in the timeline: the id of an action, or `load`, `plan`, `wait NAME`. */
  readonly id: string;
  /** What was done, in a word: `pull`, `create`, `start`, `wait`. */
  readonly step: string;
  /** What it was done with: the name of a container, an image, a network; empty for the whole project. */
  readonly subject: string;
  /** Undefined for what belongs to no service, or to several. */
  readonly service: string | undefined;
  /** Milliseconds since the epoch; the fraction is good to microseconds. */
  readonly startMs: number;
  readonly endMs: number;
  /** Ids of the spans that had to end before this one could begin. */
  readonly after: readonly string[];
}

/** How the last `up` of a project that changed something went. */
export interface Timeline {
  readonly project: string;
  readonly spans: readonly TimelineSpan[];
}
