import { isOcupError, OcupError } from '../../base/errors.ts';
import type { CommandDefinition } from '../command.ts';
import { complete, type ProjectNames } from '../completion/candidates.ts';
import type { CommandLine } from '../completion/command-line.ts';
import { COMPLETION_SCRIPTS, type CompletionShell } from '../completion/scripts.ts';
import { parseGlobals } from '../globals.ts';
import { RawOptions } from '../raw-options.ts';
import { Session } from '../session.ts';

export const completionCommand: CommandDefinition = {
  name: 'completion',
  usage: '<SHELL>',
  summary: 'Print what makes a shell complete ocup: bash, zsh or fish',
  options: [],
  examples: [
    ['source <(ocup completion bash)', 'in ~/.bashrc'],
    ['source <(ocup completion zsh)', 'in ~/.zshrc, behind compinit'],
    ['ocup completion fish | source', 'in ~/.config/fish/config.fish'],
  ],
  async run(session, { args }) {
    const [shell = ''] = args;
    if (!isShell(shell)) {
      throw new OcupError('E_USAGE', `no completion for ${JSON.stringify(shell)}`, {
        hint: `use one of ${Object.keys(COMPLETION_SCRIPTS).join(', ')}`,
      });
    }
    await session.print(COMPLETION_SCRIPTS[shell]);
    return 0;
  },
};

function isShell(text: string): text is CompletionShell {
  return Object.hasOwn(COMPLETION_SCRIPTS, text);
}

/** What the scripts ask; `commands` are those that can be completed. */
export function completeCommand(commands: () => readonly CommandDefinition[]): CommandDefinition {
  return {
    name: '__complete',
    usage: '[WORD...]',
    summary: 'Say what may come next on a command line',
    isHidden: true,
    passesOptionsThrough: true,
    options: [],
    async run(session, { args }) {
      const words = args.length === 0 ? [''] : args;
      const found = await complete(commands(), words, projectNames(session));
      const lines = found.candidates.map(({ word, text }) => `${word}\t${text}\n`);
      await session.print(`${lines.join('')}${found.files ? ':files\n' : ''}`);
      return 0;
    },
  };
}

/** Names from the files that the line asks for; a project that cannot be read has none. */
function projectNames(session: Session): ProjectNames {
  const load = async ({ globals }: CommandLine) => {
    const single = (name: string): string | undefined => globals[name]?.at(-1);
    const raw = new RawOptions({
      file: globals['file'],
      profile: globals['profile'],
      envFile: globals['env-file'],
      projectName: single('project-name'),
      projectDirectory: single('project-directory'),
    });
    const { context, signal } = session;
    const other = new Session(context, parseGlobals(raw, context.environment), signal);
    try {
      return await other.loadProject({ allProfiles: true, isQuiet: true });
    } catch (error) {
      if (isOcupError(error)) return undefined;
      throw error;
    }
  };
  return {
    services: async (line) => (await load(line))?.services.map((item) => item.name) ?? [],
    profiles: async (line) => {
      const services = (await load(line))?.services ?? [];
      return [...new Set(services.flatMap((item) => item.profiles))].sort();
    },
  };
}
