/** What ocup may leave on a machine, sorted. */
export function machineState(): string[];

/** What is in `after` and was not in `before`. */
export function stateDifference(before: readonly string[], after: readonly string[]): string[];
