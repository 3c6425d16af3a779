/** What a template consists of, in the terms of Go's text/template/parse. */
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | Branch<'if'>
  | Branch<'with'>
  | Branch<'range'>;

interface Branch<Kind> {
  readonly kind: Kind;
  readonly pipe: Pipe;
  readonly list: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** Commands from left to right: each gets what the one before gives as its last argument. */
export interface Pipe {
  /** Variables that it sets, with `$`; two of a `range`. */
  readonly names: readonly string[];
  /** `=`: they are there already, and keep the value beyond this list. */
  readonly isAssignment: boolean;
  readonly commands: readonly Command[];
}

/** An operand, or a function or method with its arguments. */
export type Command = readonly [first: Operand, ...rest: Operand[]];

export type Operand =
  | { readonly kind: 'literal'; readonly value: unknown }
  | { readonly kind: 'function'; readonly name: string }
  /** `path` empty: what the dot is. */
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'pipe'; readonly pipe: Pipe; readonly path: readonly string[] };

/** What is wrong with a template, in a few words. */
export class TemplateError extends Error {}
