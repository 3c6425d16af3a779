/** How a text with variables can be wrong. */
export type TemplateFault =
  | { readonly kind: 'syntax'; readonly text: string }
  | { readonly kind: 'required'; readonly text: string };

/** What stands for one variable. */
export interface Variable {
  readonly name: string;
  readonly isRequired: boolean;
  readonly defaultValue: string | undefined;
  readonly alternateValue: string | undefined;
}

export interface Substitution {
  readonly text: string;
  /** Names that have no value and no default, each once. */
  readonly unset: readonly string[];
  /** Names whose value is only implied, each once. */
  readonly implied: readonly string[];
  readonly fault: TemplateFault | undefined;
}

/** The value of a variable, or undefined if it is not set. */
export type Lookup = (name: string) => string | undefined;

/**
 * Replaces `$VAR`, `${VAR}`, `${VAR:-default}`, `${VAR-default}`, `${VAR:?error}`, `${VAR?error}`,
 * `${VAR:+alternate}` and `${VAR+alternate}`; operands may hold variables; `$$` is `$`. A `$` that starts
 * nothing stays. `implied` has values for variables that are not set and have no operand.
 *
 * @see compose-spec 12-interpolation.md
 */
export function substitute(template: string, lookup: Lookup, implied?: Lookup): Substitution {
  if (!template.includes('$')) return { text: template, unset: [], implied: [], fault: undefined };
  const evaluation = new Evaluation(lookup, implied);
  const text = evaluation.text(template);
  const { unset, fault } = evaluation;
  return { text, unset: [...unset], implied: [...evaluation.implied], fault };
}

/** The variables that `template` mentions, in order, those in operands after the one they belong to. */
export function findVariables(template: string): readonly Variable[] {
  const found: Variable[] = [];
  const collect = (text: string): void => {
    for (const part of splitTemplate(text)) {
      if (part.kind !== 'variable') continue;
      const { name, operator, operand } = part;
      found.push({
        name,
        isRequired: operator === '?' || operator === ':?',
        defaultValue: operator === '-' || operator === ':-' ? operand : undefined,
        alternateValue: operator === '+' || operator === ':+' ? operand : undefined,
      });
      collect(operand);
    }
  };
  collect(template);
  return found;
}

type Operator = '' | '-' | ':-' | '?' | ':?' | '+' | ':+';

type Part =
  | { readonly kind: 'literal'; readonly text: string }
  | {
      readonly kind: 'variable';
      readonly name: string;
      readonly operator: Operator;
      readonly operand: string;
    }
  | { readonly kind: 'invalid'; readonly text: string };

const NAMED = /\$([_a-zA-Z][_a-zA-Z0-9]*)/y;
const BRACED = /^([_a-zA-Z][_a-zA-Z0-9]*)(?:(:?[-?+])([^]*))?$/;

function splitTemplate(template: string): readonly Part[] {
  const parts: Part[] = [];
  let literal = '';
  let at = 0;
  const flush = (part: Part): void => {
    if (literal !== '') parts.push({ kind: 'literal', text: literal });
    literal = '';
    parts.push(part);
  };
  while (at < template.length) {
    const dollar = template.indexOf('$', at);
    if (dollar < 0) break;
    literal += template.slice(at, dollar);
    const next = template[dollar + 1];
    if (next === '$') {
      literal += '$';
      at = dollar + 2;
    } else if (next === '{') {
      const end = closingBrace(template, dollar);
      flush(
        end < 0
          ? { kind: 'invalid', text: template.slice(dollar) }
          : bracedPart(template.slice(dollar, end + 1)),
      );
      at = end < 0 ? template.length : end + 1;
    } else {
      NAMED.lastIndex = dollar;
      const match = NAMED.exec(template);
      if (match?.[1] === undefined) literal += '$';
      else flush({ kind: 'variable', name: match[1], operator: '', operand: '' });
      at = match === null ? dollar + 1 : NAMED.lastIndex;
    }
  }
  literal += template.slice(at);
  if (literal !== '') parts.push({ kind: 'literal', text: literal });
  return parts;
}

function bracedPart(text: string): Part {
  const match = BRACED.exec(text.slice(2, -1));
  if (match?.[1] === undefined) return { kind: 'invalid', text };
  return {
    kind: 'variable',
    name: match[1],
    operator: parseOperator(match[2]),
    operand: match[3] ?? '',
  };
}

function parseOperator(text: string | undefined): Operator {
  return (text ?? '') as Operator;
}

/** The index of the brace that closes the `${` at `start`; only `${` opens another level. */
function closingBrace(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i += 1) {
    if (text[i] === '}') {
      depth -= 1;
      if (depth === 0) return i;
    } else if (text[i] === '$' && text[i + 1] === '{') {
      depth += 1;
      i += 1;
    }
  }
  return -1;
}

class Evaluation {
  readonly unset = new Set<string>();
  readonly implied = new Set<string>();
  fault: TemplateFault | undefined = undefined;
  private readonly lookup: Lookup;
  private readonly findImplied: Lookup | undefined;

  constructor(lookup: Lookup, implied: Lookup | undefined) {
    this.lookup = lookup;
    this.findImplied = implied;
  }

  text(template: string): string {
    let result = '';
    for (const part of splitTemplate(template)) {
      if (part.kind === 'literal') result += part.text;
      else if (part.kind === 'invalid') this.fault ??= { kind: 'syntax', text: part.text };
      else result += this.variable(part.name, part.operator, part.operand);
    }
    return result;
  }

  private variable(name: string, operator: Operator, operand: string): string {
    const value = this.lookup(name);
    if (operator === '') {
      if (value !== undefined) return value;
      const implied = this.findImplied?.(name);
      (implied === undefined ? this.unset : this.implied).add(name);
      return implied ?? '';
    }
    const isUsable = value !== undefined && (operator.length === 1 || value !== '');
    const takesOperand = operator.endsWith('+') ? isUsable : !isUsable;
    const other = this.operand(operand, takesOperand);
    if (!takesOperand) return operator.endsWith('+') ? '' : (value ?? '');
    if (!operator.endsWith('?')) return other;
    const reason = other === '' ? '' : `: ${other}`;
    this.fault ??= {
      kind: 'required',
      text: `required variable ${name} is missing a value${reason}`,
    };
    return '';
  }

  /** An operand is read even when it is not taken, so that what is wrong in it is always found. */
  private operand(text: string, isTaken: boolean): string {
    if (isTaken) return this.text(text);
    const aside = new Evaluation(this.lookup, this.findImplied);
    aside.text(text);
    this.fault ??= aside.fault;
    return '';
  }
}
