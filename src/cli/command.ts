import type { RawOptions } from './raw-options.ts';
import type { Session } from './session.ts';

/** What was typed behind the command's name. */
export interface Call {
  /** Arguments that are no options, in order. */
  readonly args: readonly string[];
  readonly options: RawOptions;
}

/** An option: `-t, --timeout <seconds>`, with `<value>...` for one that may be given several times. */
export interface OptionDefinition {
  readonly flags: string;
  readonly text: string;
  /** Accepted but not shown. */
  readonly isHidden?: boolean;
}

/** A command as data: `program.ts` makes it known to the parser. */
export interface CommandDefinition {
  /** `up`, or `image pull` for a command of a group. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** Its arguments, such as `[SERVICE...]`. */
  readonly usage: string;
  readonly summary: string;
  readonly options: readonly OptionDefinition[];
  /** Lines to type, each with what it does. */
  readonly examples?: readonly (readonly [line: string, text: string])[];
  /** Not shown in help. */
  readonly isHidden?: boolean;
  /** Whether what follows the first argument is left to another program. */
  readonly passesOptionsThrough?: boolean;
  run(session: Session, call: Call): Promise<number>;
}

export function option(flags: string, text: string): OptionDefinition {
  return { flags, text };
}

export function hiddenOption(flags: string, text: string): OptionDefinition {
  return { flags, text, isHidden: true };
}

/** `-f` and `--file`. */
export function optionNames({ flags }: OptionDefinition): readonly string[] {
  return Array.from(flags.matchAll(/--?[a-z][\w-]*/gi), ([name]) => name);
}

/** The option that is called `name`, such as `-f` or `--file`. */
export function findOption(
  name: string,
  options: readonly OptionDefinition[],
): OptionDefinition | undefined {
  return options.find((option) => optionNames(option).includes(name));
}

/** Whether a value must follow. */
export function takesValue({ flags }: OptionDefinition): boolean {
  return flags.includes('<');
}
