/** A part of a runtime spec, and what the user should know about it: each a sentence. */
export interface Checked<T> {
  readonly value: T;
  readonly warnings: readonly string[];
}
