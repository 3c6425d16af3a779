import { Command, CommanderError, Option } from 'commander';
import { findClosestWord } from '../base/closest-word.ts';
import { isOcupError, OcupError } from '../base/errors.ts';
import { COMMANDS } from './command-table.ts';
import type { CommandDefinition, OptionDefinition } from './command.ts';
import type { CommandContext } from './context.ts';
import { toPlainFlags } from './flag-forms.ts';
import { GLOBAL_OPTIONS, type GlobalOptions, parseGlobals } from './globals.ts';
import { RawOptions } from './raw-options.ts';
import { exitCodeOf, formatError } from './report-error.ts';
import { Session } from './session.ts';
import { diagnosticsOf, sourceLines } from './source-lines.ts';
import { writeText } from './write-text.ts';

const USAGE_EXIT_CODE = 1;

/**
 * Runs the command that `context.argv` names, and gives its exit code. Errors are told on standard error;
 * nothing is thrown but bugs of this function.
 */
export async function runCommand(context: CommandContext): Promise<number> {
  const outcome: { run: Runnable | undefined } = { run: undefined };
  const program = makeProgram(context, (run) => {
    outcome.run = run;
  });
  try {
    await program.parseAsync([...toPlainFlags(context.argv, COMMANDS)], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
    await writeText(context.stderr.stream, formatError(error));
    return exitCodeOf(error);
  }
  return outcome.run === undefined ? 0 : runDefinition(outcome.run, context);
}

interface Runnable {
  readonly definition: CommandDefinition;
  readonly args: readonly string[];
  /** Options of the command, and global ones, wherever they were written. */
  readonly own: OptionValues;
  readonly globals: OptionValues;
}

type OptionValues = Readonly<Record<string, unknown>>;

async function runDefinition(run: Runnable, context: CommandContext): Promise<number> {
  const cancel = new AbortController();
  const unsubscribe = context.onSignal(() => cancel.abort());
  let globals: GlobalOptions | undefined;
  try {
    const options = new RawOptions(run.own);
    globals = parseGlobals(new RawOptions(run.globals), context.environment);
    const session = new Session(context, globals, cancel.signal);
    return await run.definition.run(session, { args: run.args, options });
  } catch (error) {
    // Whatever broke because the user ended the command is no error of its own.
    if (cancel.signal.aborted && isOcupError(error)) return 130;
    const text =
      globals?.progress === 'json' ? formatError(error, 'json') : await explain(error, context);
    await writeText(context.stderr.stream, text);
    return exitCodeOf(error);
  } finally {
    unsubscribe();
  }
}

/** What is wrong with files shows the lines that are meant, on a terminal. */
async function explain(error: unknown, context: CommandContext): Promise<string> {
  const found = diagnosticsOf(error);
  const linesOf = sourceLines(context);
  if (found.length === 0 || linesOf === undefined) return formatError(error);
  const { formatDiagnostic } = await import('../compose/problems.ts');
  return found.map((item) => `${formatDiagnostic(item, context.workingDir, linesOf)}\n`).join('');
}

function makeProgram(context: CommandContext, choose: (run: Runnable) => void): Command {
  const program = new Command('ocup')
    .description('Runs compose projects on Linux without Docker.')
    .usage('[OPTIONS] COMMAND')
    .enablePositionalOptions()
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', '\nRun "ocup COMMAND --help" for the options and examples of a command.');
  prepare(program, context);
  for (const item of GLOBAL_OPTIONS) addOption(program, item);
  addOption(program, { flags: '-v, --version', text: 'print the version', isHidden: true });
  const groups = new Map<string, Command>();
  for (const definition of findMeant(context.argv)) {
    addDefinition(program, groups, { context, definition, choose });
  }
  program.allowExcessArguments().action(() => {
    const [unknown] = program.args;
    if (unknown !== undefined) throw unknownCommand(unknown);
    const version = COMMANDS.find((item) => item.name === 'version');
    if (program.opts()['version'] === true && version !== undefined) {
      choose({ definition: version, args: [], own: {}, globals: {} });
    } else program.outputHelp();
  });
  return program;
}

/**
 * The commands that the words of a command line can be about; all where help may list them. Making the options of all
 * takes longer than many a command runs.
 */
function findMeant(argv: readonly string[]): readonly CommandDefinition[] {
  const words = new Set(argv);
  if (['-h', '--help', 'help'].some((word) => words.has(word))) return COMMANDS;
  const meant = COMMANDS.filter(({ name, aliases = [] }) =>
    [name.split(' ')[0] ?? '', ...aliases].some((word) => words.has(word)),
  );
  return meant.length === 0 ? COMMANDS : meant;
}

function unknownCommand(name: string): OcupError {
  const known = COMMANDS.filter((item) => item.isHidden !== true);
  const meant = findClosestWord(
    name,
    known.map((item) => item.name.split(' ')[0] ?? ''),
  );
  return new OcupError('E_USAGE', `unknown command: ${name}`, {
    hint: meant === undefined ? 'see ocup --help' : `did you mean "${meant}"?`,
  });
}

function addDefinition(
  program: Command,
  groups: Map<string, Command>,
  about: {
    readonly context: CommandContext;
    readonly definition: CommandDefinition;
    readonly choose: (run: Runnable) => void;
  },
): void {
  const { context, definition, choose } = about;
  const words = definition.name.split(' ');
  const name = words.at(-1) ?? '';
  const parent = words.length === 1 ? program : groupOf(program, groups, words[0] ?? '', context);
  const command = parent
    .command(name, { hidden: definition.isHidden === true })
    .summary(definition.summary);
  prepare(command, context);
  command.description(definition.summary).aliases([...(definition.aliases ?? [])]);
  for (const argument of definition.usage.split(' ').filter((word) => word !== '')) {
    command.argument(argument);
  }
  if (definition.passesOptionsThrough === true) command.passThroughOptions();
  if (definition.isHidden === true) command.allowUnknownOption();
  for (const item of definition.options) addOption(command, item);
  const known = new Set(command.options.map((item) => item.attributeName()));
  for (const item of GLOBAL_OPTIONS) {
    const option = toOption({ ...item, flags: item.flags.replace(/^-\w, /, ''), isHidden: true });
    // A command's own option goes before a global one of that name.
    if (!known.has(option.attributeName())) command.addOption(option);
  }
  command.addHelpText('after', examplesText(definition));
  command.action(() => {
    const entries = Object.entries<unknown>(command.opts());
    // `exec --workdir` is a folder in the container, `--workdir` before it one of ours.
    const own = Object.fromEntries(entries.filter(([key]) => known.has(key)));
    const behind = Object.fromEntries(entries.filter(([key]) => !known.has(key)));
    choose({ definition, args: command.args, own, globals: mergeOptions(program.opts(), behind) });
  });
}

function groupOf(
  program: Command,
  groups: Map<string, Command>,
  name: string,
  context: CommandContext,
): Command {
  const known = groups.get(name);
  if (known !== undefined) return known;
  const group = program.command(name).description(`Commands on ${name}s`);
  prepare(group, context);
  groups.set(name, group);
  return group;
}

/** Output and ends of the parser go through the context. */
function prepare(command: Command, context: CommandContext): void {
  command
    .exitOverride()
    .showHelpAfterError(false)
    .helpOption('-h, --help', 'show this help')
    .configureOutput({
      writeOut: (text) => void writeText(context.stdout.stream, text),
      writeErr: (text) => void writeText(context.stderr.stream, text),
      outputError: (text, write) => write(text.replace(/^error: /, 'Error: ')),
      getOutHelpWidth: () => context.stdout.terminal?.size().columns ?? 80,
      getErrHelpWidth: () => context.stderr.terminal?.size().columns ?? 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

function addOption(command: Command, definition: OptionDefinition): void {
  command.addOption(toOption(definition));
}

function toOption({ flags, text, isHidden }: OptionDefinition): Option {
  const isRepeatable = flags.endsWith('...');
  const option = new Option(flags.replace(/\.\.\.$/, ''), text).hideHelp(isHidden === true);
  // `--no-attach <service>` is an option of its own, not the opposite of `--attach`.
  if (option.required) option.negate = false;
  if (isRepeatable) {
    option.argParser<string[] | undefined>((value, previous) => [...(previous ?? []), value]);
  }
  return option;
}

/** Lists add up, everything else that stands behind the command goes over what stands in front of it. */
function mergeOptions(inFront: OptionValues, behind: OptionValues): OptionValues {
  const merged: Record<string, unknown> = { ...inFront };
  for (const [key, value] of Object.entries(behind)) {
    const before = merged[key];
    if (isList(before) && isList(value)) merged[key] = [...before, ...value];
    else if (value !== undefined) merged[key] = value;
  }
  return merged;
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function examplesText(definition: CommandDefinition): string {
  const examples = definition.examples ?? [];
  if (examples.length === 0) return '';
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, text]) => `  ${line.padEnd(width)}  ${text}`);
  return `\nExamples:\n${lines.join('\n')}`;
}
