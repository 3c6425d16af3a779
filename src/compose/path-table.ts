/**
 * Rules keyed by path pattern, `services.*.build.args`, where `*` is any one key or any item of a list. A walk
 * down a tree carries the state of the table along, so that looking up a rule costs nothing extra.
 */
export interface PathState<T> {
  readonly rule: T | undefined;
  /** The state below `step`; undefined: no rule lies there. */
  next(step: string | number): PathState<T> | undefined;
}

/** Compiles `rules`. A literal step wins over `*`. */
export function compilePaths<T>(rules: Readonly<Record<string, T>>): PathState<T> {
  const root = new TableState<T>();
  for (const [pattern, rule] of Object.entries(rules)) {
    let state = root;
    for (const step of pattern.split('.')) state = state.child(step);
    state.rule = rule;
  }
  return root;
}

class TableState<T> implements PathState<T> {
  rule: T | undefined = undefined;
  private readonly children = new Map<string, TableState<T>>();

  child(step: string): TableState<T> {
    const existing = this.children.get(step);
    if (existing !== undefined) return existing;
    const made = new TableState<T>();
    this.children.set(step, made);
    return made;
  }

  next(step: string | number): PathState<T> | undefined {
    if (typeof step === 'number') return this.children.get('*');
    return this.children.get(step) ?? this.children.get('*');
  }
}
