import {
  type CommandDefinition,
  findOption,
  type OptionDefinition,
  takesValue,
} from '../command.ts';
import { GLOBAL_OPTIONS } from '../globals.ts';

/** A command line that is being typed. */
export interface CommandLine {
  /** The last word, which may be empty or the beginning of one. */
  readonly current: string;
  /** Undefined until its name is complete. */
  readonly command: CommandDefinition | undefined;
  /** The first word of a command of two, such as `image`. */
  readonly group: string | undefined;
  readonly args: readonly string[];
  readonly argumentCount: number;
  /** The option whose value the last word is; `prefix` is what stands before the value in that word. */
  readonly awaited: { readonly name: string; readonly prefix: string } | undefined;
  /** Whether `--`, or the start of another program's command line, has ended the options. */
  readonly isOver: boolean;
  /** Values of global options that name the project: `file`, `project-name`, … */
  readonly globals: Readonly<Record<string, readonly string[]>>;
}

/** Reads the words behind the program's name; the last one is still being typed. Never throws. */
export function readCommandLine(
  commands: readonly CommandDefinition[],
  words: readonly string[],
): CommandLine {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const globals: Record<string, string[]> = {};
  let command: CommandDefinition | undefined;
  let group: string | undefined;
  let waiting: OptionDefinition | undefined;
  let isOver = false;
  const args: string[] = [];
  for (const word of before) {
    if (waiting !== undefined) {
      (globals[longName(waiting)] ??= []).push(word);
      waiting = undefined;
    } else if (word === '--') {
      isOver = true;
    } else if (word.startsWith('-') && word !== '-' && !isOver) {
      const [name = '', value] = word.split('=', 2);
      const found = findOption(name, optionsOf(command));
      if (found !== undefined && value !== undefined) (globals[longName(found)] ??= []).push(value);
      else if (found !== undefined && takesValue(found)) waiting = found;
    } else if (command === undefined) {
      const name = group === undefined ? word : `${group} ${word}`;
      command = commands.find((item) => item.name === name || item.aliases?.includes(name));
      if (command === undefined && commands.some((item) => item.name.startsWith(`${word} `))) {
        group = word;
      }
    } else {
      args.push(word);
      isOver ||= command.passesOptionsThrough === true;
    }
  }
  const awaited = findAwaited(current, waiting, isOver ? undefined : command);
  const argumentCount = args.length;
  return { current, command, group, args, argumentCount, awaited, isOver, globals };
}

function findAwaited(
  current: string,
  waiting: OptionDefinition | undefined,
  command: CommandDefinition | undefined,
): CommandLine['awaited'] {
  if (waiting !== undefined) return { name: longName(waiting), prefix: '' };
  const equals = current.indexOf('=');
  if (!current.startsWith('--') || equals < 0) return undefined;
  const found = findOption(current.slice(0, equals), optionsOf(command));
  if (found === undefined || !takesValue(found)) return undefined;
  return { name: longName(found), prefix: current.slice(0, equals + 1) };
}

/** Its own, and the global ones that it takes as well. */
function optionsOf(command: CommandDefinition | undefined): readonly OptionDefinition[] {
  return [...(command?.options ?? []), ...GLOBAL_OPTIONS];
}

function longName({ flags }: OptionDefinition): string {
  return /--([a-z][\w-]*)/i.exec(flags)?.[1] ?? '';
}
