import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { build } from 'esbuild';

import { installRoot } from '../../src/base/install-root.ts';
import type { ConnectRequest, ConnectResult } from '../../src/network/connections.ts';
import type { Networks } from '../../src/network/networks.ts';
import type { AgentMethods } from './network-agent.ts';
import { eventually } from './eventually.ts';
import { addressOf, connectRequest } from './network-values.ts';

type Result<M extends keyof AgentMethods> = Awaited<ReturnType<AgentMethods[M]>>;

/** A process in a network namespace that does what it is asked to. */
export class Agent {
  readonly process: ChildProcess;
  private readonly waiting = new Map<
    number,
    { resolve: (value: never) => void; reject: (error: unknown) => void }
  >();
  private calls = 0;

  constructor(command: readonly string[], bundle: string) {
    const [path, ...args] = [...command, process.execPath, bundle];
    this.process = spawn(path, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.process.on('message', (reply: { id: number; result?: never; error?: object }) => {
      const call = this.waiting.get(reply.id);
      this.waiting.delete(reply.id);
      if (reply.error === undefined) call?.resolve(reply.result as never);
      else call?.reject(Object.assign(new Error(), reply.error));
    });
    this.process.on('exit', () => {
      for (const { reject } of this.waiting.values()) reject(new Error('agent ended'));
    });
  }

  get pid(): number {
    return this.process.pid!;
  }

  call<M extends keyof AgentMethods>(
    method: M,
    ...args: Parameters<AgentMethods[M]>
  ): Promise<Result<M>> {
    const id = ++this.calls;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.process.send({ id, method, args });
    });
  }

  /** A method of the networks that the agent has open. */
  networks<M extends 'create' | 'connect' | 'adopt' | 'disconnect' | 'remove' | 'sweep' | 'list'>(
    method: M,
    ...args: Parameters<Networks[M]>
  ): Promise<Awaited<ReturnType<Networks[M]>>> {
    return this.call('networks', method, ...(args as never[])) as Promise<
      Awaited<ReturnType<Networks[M]>>
    >;
  }

  async end(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }
}

/**
 * A machine of its own for a test: a network namespace that stands for the host, with agents in it and in
 * namespaces of containers. Nothing of it touches the real host's links, rules and ports.
 */
export class NetworkLab {
  readonly dataDir = mkdtempSync(joinPath(tmpdir(), 'ocup-network-'));
  readonly host: Agent;
  private readonly bundle: string;
  private readonly agents: Agent[] = [];
  private containers = 0;

  private constructor(bundle: string) {
    this.bundle = bundle;
    this.host = this.start(['unshare', '-n']);
  }

  static async open(): Promise<NetworkLab> {
    // Below the project's folder, where the addon is looked for.
    const bundle = joinPath(
      installRoot(),
      'node_modules/.cache',
      `network-agent-${process.pid}.mjs`,
    );
    await build({
      entryPoints: [joinPath(installRoot(), 'test/support/network-agent.ts')],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
      logLevel: 'error',
    });
    const lab = new NetworkLab(bundle);
    await lab.host.call('loopbackUp');
    return lab;
  }

  /** A process on the host that has the networks of the lab's data folder open. */
  async supervisor(): Promise<Agent> {
    const agent = this.start(['nsenter', `--net=/proc/${this.host.pid}/ns/net`]);
    await agent.call('open', this.dataDir);
    return agent;
  }

  /** A network namespace with a process in it. */
  async container(): Promise<Agent & { id: string }> {
    this.containers += 1;
    const id = this.containers.toString(16).padStart(4, '0').repeat(16);
    const agent = this.start(['unshare', '-n']);
    // Answers only once it is in its namespace.
    await agent.call('logged');
    return Object.assign(agent, { id });
  }

  /** Runs a program in the host's namespace and gives what it prints. */
  run(...command: readonly string[]): string {
    return execFileSync('nsenter', [`--net=/proc/${this.host.pid}/ns/net`, ...command], {
      encoding: 'utf8',
    });
  }

  /** A neighbour of the host, on a wire of their own: the host is 203.0.113.1, the neighbour 203.0.113.2. */
  async neighbour(): Promise<Agent> {
    const agent = await this.container();
    const inside = ['nsenter', `--net=/proc/${agent.pid}/ns/net`];
    this.run('ip', 'link', 'add', 'wire', 'type', 'veth', 'peer', 'wire', 'netns', `${agent.pid}`);
    this.run('ip', 'address', 'add', '203.0.113.1/24', 'dev', 'wire');
    this.run('ip', 'link', 'set', 'wire', 'up');
    this.run(...inside, 'ip', 'address', 'add', '203.0.113.2/24', 'dev', 'wire');
    this.run(...inside, 'ip', 'link', 'set', 'wire', 'up');
    return agent;
  }

  async close(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.end()));
    rmSync(this.dataDir, { recursive: true });
    rmSync(this.bundle, { force: true });
  }

  private start(command: readonly string[]): Agent {
    const agent = new Agent(command, this.bundle);
    this.agents.push(agent);
    return agent;
  }
}

/** A new container that is connected to networks that are there. */
export async function join(
  { lab, supervisor }: { readonly lab: NetworkLab; readonly supervisor: Agent },
  name: string,
  networks: readonly string[],
  changes: Partial<ConnectRequest> = {},
): Promise<Joined> {
  const agent = await lab.container();
  const request = connectRequest(agent, name, networks, changes);
  const result = await supervisor.networks('connect', request);
  return { agent, request, result, address: addressOf(result) };
}

/** Waits until the host has these links again: those of containers that have ended go a moment later. */
export async function waitForLinks(lab: NetworkLab, names: unknown): Promise<void> {
  await eventually(
    async () => isDeepStrictEqual(await lab.host.call('linkNames'), names),
    2_000,
    'the end of all other links',
  );
}

export interface Joined {
  readonly agent: Agent & { readonly id: string };
  readonly request: ConnectRequest;
  readonly result: ConnectResult;
  readonly address: string;
}
