import { type CommandDefinition, type OptionDefinition, optionNames } from '../command.ts';
import { ANSI_MODES, GLOBAL_OPTIONS, PROGRESS_MODES } from '../globals.ts';
import { type CommandLine, readCommandLine } from './command-line.ts';

/** A word that may come next, and what it is. */
export interface Candidate {
  readonly word: string;
  readonly text: string;
}

/** What may come next; `files`: a path may come as well. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  readonly files: boolean;
}

/** Names that only the project knows. Asked for only where one may come. */
export interface ProjectNames {
  services(line: CommandLine): Promise<readonly string[]>;
  profiles(line: CommandLine): Promise<readonly string[]>;
}

const NONE: Completion = { candidates: [], files: false };
const FILES: Completion = { candidates: [], files: true };

/** Values that an option takes, by its long name. */
const VALUES: Readonly<Record<string, readonly string[] | undefined>> = {
  progress: PROGRESS_MODES.map(String),
  ansi: ANSI_MODES.map(String),
  pull: ['always', 'missing', 'never'],
  policy: ['always', 'missing'],
  format: ['table', 'json'],
  status: ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'],
  protocol: ['tcp', 'udp'],
  signal: ['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'],
  tail: ['all', '10', '100'],
  rmi: ['local', 'all'],
  index: ['1', '2', '3'],
};
const WITH_SERVICE: readonly string[] = ['attach', 'no-attach', 'exit-code-from', 'scale'];
const WITH_PATH: readonly string[] = [
  ...['file', 'env-file', 'project-directory', 'output', 'env-from-file', 'volume'],
];

/** What may come in the place of the last of `words`, which stand behind the program's name. */
export async function complete(
  commands: readonly CommandDefinition[],
  words: readonly string[],
  names: ProjectNames,
): Promise<Completion> {
  const line = readCommandLine(commands, words);
  const current = words.at(-1) ?? '';
  const found = await findCandidates(line, commands, names);
  const fitting = found.candidates.filter((item) => item.word.startsWith(current));
  return { ...found, candidates: uniqueByWord(fitting) };
}

async function findCandidates(
  line: CommandLine,
  commands: readonly CommandDefinition[],
  names: ProjectNames,
): Promise<Completion> {
  if (line.awaited !== undefined) return optionValues(line, line.awaited, names);
  if (line.command === undefined) {
    if (line.current.startsWith('-')) return listed(GLOBAL_OPTIONS.flatMap(optionWords));
    return listed(commandWords(commands, line.group));
  }
  if (line.current.startsWith('-') && !line.isOver) {
    return listed([...line.command.options, ...GLOBAL_OPTIONS].flatMap(optionWords));
  }
  return argumentValues(line, line.command, names);
}

async function optionValues(
  line: CommandLine,
  { name, prefix }: NonNullable<CommandLine['awaited']>,
  names: ProjectNames,
): Promise<Completion> {
  const known = VALUES[name];
  const asWords = (values: readonly string[], suffix = ''): Completion =>
    listed(values.map((value) => ({ word: `${prefix}${value}${suffix}`, text: '' })));
  if (known !== undefined) return asWords(known);
  if (name === 'profile') return asWords(await names.profiles(line));
  if (WITH_SERVICE.includes(name)) {
    return asWords(await names.services(line), name === 'scale' ? '=' : '');
  }
  return WITH_PATH.includes(name) ? FILES : NONE;
}

async function argumentValues(
  line: CommandLine,
  command: CommandDefinition,
  names: ProjectNames,
): Promise<Completion> {
  const { usage } = command;
  const services = async (suffix = ''): Promise<Candidate[]> =>
    (await names.services(line)).map((name) => ({ word: `${name}${suffix}`, text: 'service' }));
  if (command.name === 'cp') return { candidates: await services(':'), files: true };
  if (command.name === 'completion') {
    return listed(['bash', 'zsh', 'fish'].map((word) => ({ word, text: 'shell' })));
  }
  if (usage.includes('SERVICE=')) return listed(await services('='));
  const isList = /SERVICE\.\.\./.test(usage);
  if (isList || (usage.includes('SERVICE') && line.argumentCount === 0)) {
    const taken = new Set(line.args);
    return listed((await services()).filter((item) => !taken.has(item.word)));
  }
  return usage.includes('COMMAND') || usage.includes('PATH') ? FILES : NONE;
}

/** Commands, and the first words of those in groups; in a group its own. */
function commandWords(
  commands: readonly CommandDefinition[],
  group: string | undefined,
): Candidate[] {
  return commands
    .filter((item) => item.isHidden !== true)
    .flatMap((item): Candidate[] => {
      const [first = '', second] = item.name.split(' ');
      if (group !== undefined) {
        return first === group && second !== undefined
          ? [{ word: second, text: item.summary }]
          : [];
      }
      return [{ word: first, text: second === undefined ? item.summary : `commands on ${first}s` }];
    });
}

function optionWords(option: OptionDefinition): Candidate[] {
  if (option.isHidden === true) return [];
  return optionNames(option).map((word) => ({ word, text: option.text }));
}

function listed(candidates: readonly Candidate[]): Completion {
  return { candidates, files: false };
}

function uniqueByWord(candidates: readonly Candidate[]): Candidate[] {
  return [...new Map(candidates.map((item) => [item.word, item])).values()];
}
