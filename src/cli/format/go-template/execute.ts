import { unreachable } from '../../../base/unreachable.ts';
import { FUNCTIONS, type Functions, isTrue, printed } from './functions.ts';
import { type Command, type Node, type Operand, type Pipe, TemplateError } from './nodes.ts';

/** Functions that take arguments, found like fields: `.Label "key"`. */
export type Method = (...args: readonly unknown[]) => unknown;

/**
 * What a template makes of `data`.
 * @throws TemplateError for an unknown field or function, and for an argument that does not fit
 */
export function executeTemplate(
  nodes: readonly Node[],
  data: unknown,
  functions: Functions = FUNCTIONS,
): string {
  return new Execution(data, functions).list(nodes, data);
}

class Execution {
  private readonly functions: Functions;
  private readonly variables: [name: string, value: unknown][];

  constructor(data: unknown, functions: Functions) {
    this.functions = functions;
    this.variables = [['$', data]];
  }

  list(nodes: readonly Node[], dot: unknown): string {
    return nodes.map((node) => this.node(node, dot)).join('');
  }

  private node(node: Node, dot: unknown): string {
    switch (node.kind) {
      case 'text':
        return node.text;
      case 'action': {
        const value = this.pipe(node.pipe, dot);
        if (node.pipe.names.length > 0) {
          this.set(node.pipe, [value]);
          return '';
        }
        return printed(value);
      }
      case 'if':
      case 'with':
        return this.scoped(() => {
          const value = this.pipe(node.pipe, dot);
          this.set(node.pipe, [value]);
          if (!isTrue(value)) return this.list(node.otherwise, dot);
          return this.list(node.list, node.kind === 'with' ? value : dot);
        });
      case 'range':
        return this.range(node, dot);
      default:
        return unreachable(node);
    }
  }

  private range(node: Extract<Node, { kind: 'range' }>, dot: unknown): string {
    const value = this.pipe(node.pipe, dot);
    const entries = entriesOf(value);
    if (entries.length === 0) return this.scoped(() => this.list(node.otherwise, dot));
    return entries
      .map(([key, item]) =>
        this.scoped(() => {
          this.set(node.pipe, node.pipe.names.length > 1 ? [key, item] : [item]);
          return this.list(node.list, item);
        }),
      )
      .join('');
  }

  private scoped(work: () => string): string {
    const { length } = this.variables;
    try {
      return work();
    } finally {
      this.variables.length = length;
    }
  }

  private set({ names, isAssignment }: Pipe, values: readonly unknown[]): void {
    for (const [index, name] of names.entries()) {
      if (isAssignment) this.variable(name)[1] = values[index];
      else this.variables.push([name, values[index]]);
    }
  }

  private variable(name: string): [name: string, value: unknown] {
    const found = this.variables.findLast(([known]) => known === name);
    if (found === undefined) throw new TemplateError(`variable ${name} is not known`);
    return found;
  }

  private pipe({ commands }: Pipe, dot: unknown): unknown {
    return commands.reduce<unknown>(
      (before, command, index) => this.command(command, dot, index === 0 ? [] : [before]),
      undefined,
    );
  }

  private command([first, ...rest]: Command, dot: unknown, piped: readonly unknown[]): unknown {
    const args = (): unknown[] => [...rest.map((item) => this.operand(item, dot, [])), ...piped];
    if (first.kind === 'function') {
      const found = this.functions.get(first.name);
      if (found === undefined) throw new TemplateError(`function ${first.name} is not known`);
      return found(...args());
    }
    return this.operand(first, dot, args());
  }

  private operand(operand: Operand, dot: unknown, args: readonly unknown[]): unknown {
    switch (operand.kind) {
      case 'literal':
        return operand.value;
      case 'field':
        return follow(dot, operand.path, args);
      case 'variable':
        return follow(this.variable(operand.name)[1], operand.path, args);
      case 'pipe':
        return follow(this.pipe(operand.pipe, dot), operand.path, args);
      case 'function':
        return this.command([operand], dot, []);
      default:
        return unreachable(operand);
    }
  }
}

/** Fields of fields; the last one may be a method, which gets the arguments. */
function follow(value: unknown, path: readonly string[], args: readonly unknown[]): unknown {
  return path.reduce<unknown>((found, key, index) => {
    if (typeof found !== 'object' || found === null) return undefined;
    if (!Object.hasOwn(found, key)) throw new UnknownField(key);
    const next = (found as Readonly<Record<string, unknown>>)[key];
    const isLast = index === path.length - 1;
    return typeof next === 'function' ? (next as Method)(...(isLast ? args : [])) : next;
  }, value);
}

/** There is no such field. */
export class UnknownField extends TemplateError {
  constructor(name: string) {
    super(`there is no field ${name}`);
  }
}

function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (Array.isArray(value)) return value.map((item: unknown, index) => [index, item]);
  if (typeof value === 'number') return Array.from({ length: value }, (_, index) => [index, index]);
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  }
  if (value === undefined || value === null) return [];
  throw new TemplateError(`cannot range over ${printed(value)}`);
}
