import { type ClientOptions, RegistryClient } from './client.ts';

type Env = ClientOptions['env'];

interface Kept {
  readonly client: RegistryClient;
  /** How many calls use it now. */
  users: number;
}

/** Connections and tokens are kept for so many environments that nobody uses now. */
const MAX_IDLE = 4;
/** What differs from one shell to the next, and matters to nobody who is asked for an image. */
const IRRELEVANT = /^(?:_|PWD|OLDPWD|SHLVL|LINES|COLUMNS|TERM.*|WINDOWID|OCUP_RUN_DIR|COMPOSE_.*)$/;

/**
 * The clients of those who ask for images. Each has an environment of its own, with its proxies, credentials and
 * settings; whoever has the same shares connections and tokens.
 */
export class RegistryClients {
  private readonly options: ClientOptions;
  /** Those used last stand last. */
  private readonly known = new Map<string, Kept>();

  /** `options.env` is for those who name none. */
  constructor(options: ClientOptions) {
    this.options = options;
  }

  /** Runs `work` with the client for an environment. */
  async using<T>(env: Env | undefined, work: (client: RegistryClient) => Promise<T>): Promise<T> {
    const key = keyOf(env ?? this.options.env);
    const kept = this.known.get(key) ?? this.open(env);
    this.known.delete(key);
    this.known.set(key, kept);
    kept.users += 1;
    try {
      return await work(kept.client);
    } finally {
      kept.users -= 1;
      await this.closeIdle();
    }
  }

  /** Ends all connections; what still uses them fails. */
  async close(): Promise<void> {
    const all = [...this.known.values()];
    this.known.clear();
    await Promise.all(all.map(({ client }) => client.close()));
  }

  private open(env: Env | undefined): Kept {
    return {
      client: new RegistryClient({ ...this.options, env: env ?? this.options.env }),
      users: 0,
    };
  }

  private async closeIdle(): Promise<void> {
    const idle = [...this.known].filter(([, { users }]) => users === 0);
    for (const [key, { client }] of idle.slice(0, Math.max(0, idle.length - MAX_IDLE))) {
      this.known.delete(key);
      await client.close();
    }
  }
}

function keyOf(env: Env): string {
  const entries = Object.entries(env).filter(
    ([name, value]) => value !== undefined && !IRRELEVANT.test(name),
  );
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
