import { OcupError } from '../../base/errors.ts';
import { type Call, type CommandDefinition, option } from '../command.ts';
import { promptLine } from '../prompt.ts';
import type { Session } from '../session.ts';

export const loginCommand: CommandDefinition = {
  name: 'login',
  usage: '[SERVER]',
  summary: 'Log in to a registry',
  options: [
    option('-u, --username <name>', 'who'),
    option('-p, --password <password>', 'the password; others see it in the list of processes'),
    option('--password-stdin', 'read the password from standard input'),
  ],
  examples: [
    ['ocup login registry.example', 'asks for user and password'],
    ['ocup login -u ann --password-stdin registry.example < file', 'from a file or a pipe'],
  ],
  async run(session, call) {
    const [server = ''] = call.args;
    const login = await readLogin(session, call);
    const client = await session.supervisor();
    const { environment } = session.context;
    const params = { server, login, environment };
    const { path, helper } = await client.call('registry.login', params, {
      signal: session.signal,
    });
    if (login !== undefined && helper === undefined) {
      session.warn(
        `the password is kept unencrypted in ${path}: name a helper there to change that`,
      );
    }
    await session.print('Login Succeeded\n');
    return 0;
  },
};

export const logoutCommand: CommandDefinition = {
  name: 'logout',
  usage: '[SERVER]',
  summary: 'Forget the login of a registry',
  options: [],
  async run(session, { args }) {
    const [server = ''] = args;
    const client = await session.supervisor();
    const { environment } = session.context;
    const { domain, wasKnown } = await client.call('registry.logout', { server, environment });
    const text = wasKnown
      ? `Removing login credentials for ${domain}`
      : `Not logged in to ${domain}`;
    await session.print(`${text}\n`);
    return 0;
  },
};

/** What the user gave; undefined: nothing, and what is kept is tried. @throws E_USAGE */
async function readLogin(
  session: Session,
  { options }: Call,
): Promise<{ readonly username: string; readonly password: string } | undefined> {
  const { context } = session;
  const username = options.text('username');
  const password = options.text('password');
  if (options.flag('password-stdin')) {
    if (password !== undefined) {
      throw new OcupError('E_USAGE', '--password and --password-stdin are mutually exclusive');
    }
    if (username === undefined) {
      throw new OcupError('E_USAGE', '--password-stdin needs --username <name>');
    }
    return checked(username, (await readInput(session)).replace(/[\r\n]+$/, ''));
  }
  if (password !== undefined) {
    session.warn(
      '--password shows the password to all users of this machine: use --password-stdin',
    );
    if (username === undefined)
      throw new OcupError('E_USAGE', '--password needs --username <name>');
    return checked(username, password);
  }
  if (context.stdin.terminal === undefined) {
    if (username === undefined) return undefined;
    throw new OcupError('E_USAGE', 'cannot ask for a password without a terminal', {
      hint: 'Give it on standard input, with --password-stdin.',
    });
  }
  const name = username ?? (await promptLine(context, 'Username: ', { isShown: true }));
  return checked(name, await promptLine(context, 'Password: ', { isShown: false }));
}

function checked(username: string, password: string): { username: string; password: string } {
  if (username === '') throw new OcupError('E_USAGE', 'the user name is empty');
  if (password === '') throw new OcupError('E_USAGE', 'the password is empty');
  return { username, password };
}

async function readInput({ context }: Session): Promise<string> {
  let text = '';
  for await (const chunk of context.stdin.stream) text += String(chunk);
  return text;
}
