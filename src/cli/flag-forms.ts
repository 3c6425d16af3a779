import { OcupError } from '../base/errors.ts';
import {
  type CommandDefinition,
  findOption,
  type OptionDefinition,
  takesValue,
} from './command.ts';
import { GLOBAL_OPTIONS } from './globals.ts';

// docker's command line takes what most parsers do not: `--quiet=true`, `--menu=false`, `-q=1`, `-t=5`. These
// become the plain forms of the same meaning.

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);
/** Older names of docker's. */
const RENAMED: Readonly<Record<string, string>> = { '--no-TTY': '--no-tty' };

/**
 * The words of a command line with each option in a word of its own, and its value in another or behind a `=` that
 * every parser knows. Words that are no known option stay as they are, and so does what another program gets.
 *
 * @throws E_USAGE for a value that is neither true nor false, behind an option that is one or the other
 */
export function toPlainFlags(
  argv: readonly string[],
  commands: readonly CommandDefinition[],
): readonly string[] {
  const plain: string[] = [];
  let command: CommandDefinition | undefined;
  let group = '';
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (word === '--') return [...plain, ...argv.slice(at)];
    const options = [...(command?.options ?? []), ...GLOBAL_OPTIONS];
    const read = readFlag(word, options, command === undefined);
    if (read !== undefined) {
      plain.push(...read.words);
      if (!read.wantsValue) continue;
      at += 1;
      plain.push(...argv.slice(at, at + 1));
      continue;
    }
    plain.push(word);
    if (word.startsWith('-') && word !== '-') continue;
    if (command?.passesOptionsThrough === true) return [...plain, ...argv.slice(at + 1)];
    command ??= commands.find(({ name, aliases = [] }) =>
      [name, ...aliases].some((known) => known === word || known === `${group} ${word}`),
    );
    group = word;
  }
  return plain;
}

interface ReadFlag {
  readonly words: readonly string[];
  /** The next word is its value, whatever it looks like. */
  readonly wantsValue: boolean;
}

/** Undefined for what is no option that is known. */
function readFlag(
  word: string,
  options: readonly OptionDefinition[],
  isInFront: boolean,
): ReadFlag | undefined {
  if (word.startsWith('--')) return readLong(word, options);
  if (!word.startsWith('-') || word === '-') return undefined;
  // Behind the command's name a letter is the command's own.
  return readShort(word, isInFront ? options : options.filter((item) => !isGlobal(item)));
}

function isGlobal(option: OptionDefinition): boolean {
  return GLOBAL_OPTIONS.includes(option);
}

function readLong(word: string, options: readonly OptionDefinition[]): ReadFlag | undefined {
  const equals = word.indexOf('=');
  const written = equals < 0 ? word : word.slice(0, equals);
  const name = RENAMED[written] ?? written;
  const option = findOption(name, options);
  if (equals < 0 || (option !== undefined && !isSwitch(option))) {
    if (option === undefined) return undefined;
    const words = [`${name}${word.slice(written.length)}`];
    return { words, wantsValue: equals < 0 && takesValue(option) };
  }
  const opposite = opposites(name).find((item) => {
    const found = findOption(item, options);
    return found !== undefined && isSwitch(found);
  });
  if (option === undefined && opposite === undefined) return undefined;
  const isTrue = parseSwitch(word.slice(equals + 1), name);
  const chosen = isTrue ? (option === undefined ? undefined : name) : opposite;
  return { words: chosen === undefined ? [] : [chosen], wantsValue: false };
}

function opposites(name: string): readonly string[] {
  return name.startsWith('--no-') ? [] : [`--no-${name.slice(2)}`];
}

/** Letters in a row: each is an option, and what stands behind one with a value is that. */
function readShort(word: string, options: readonly OptionDefinition[]): ReadFlag | undefined {
  const words: string[] = [];
  for (let at = 1; at < word.length; at += 1) {
    const name = `-${word[at] ?? ''}`;
    const option = findOption(name, options);
    if (option === undefined) return undefined;
    const rest = word.slice(at + 1);
    if (takesValue(option)) {
      const value = rest.startsWith('=') ? rest.slice(1) : rest;
      return rest === ''
        ? { words: [...words, name], wantsValue: true }
        : { words: [...words, name, value], wantsValue: false };
    }
    if (!rest.startsWith('=')) {
      words.push(name);
      continue;
    }
    if (parseSwitch(rest.slice(1), name)) words.push(name);
    return { words, wantsValue: false };
  }
  return { words, wantsValue: false };
}

function parseSwitch(value: string, name: string): boolean {
  if (TRUE.has(value)) return true;
  if (FALSE.has(value)) return false;
  const message = `invalid argument ${JSON.stringify(value)} for ${name}`;
  throw new OcupError('E_USAGE', message, { hint: `write ${name}=true or ${name}=false` });
}

/** On or off, without a value that must or may follow. */
function isSwitch({ flags }: OptionDefinition): boolean {
  return !flags.includes('<') && !flags.includes('[');
}
