import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from '@jest/globals';
import type { TestBundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { parseRecord, type RuntimeLab } from '../../support/runtime.ts';
import { describeContract } from './contract.ts';

const AGENT = resolve(import.meta.dirname, '../../support/seccomp-agent.py');
/** mkdir and mkdirat of x86-64. */
const CALLS = ['83', '258'];

class Agent {
  readonly lines: string[] = [];
  private readonly process: ChildProcess;

  private constructor(readonly socket: string) {
    this.process = spawn('python3', [AGENT, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  static async start(lab: RuntimeLab): Promise<Agent> {
    const agent = new Agent(join(lab.folder, 'agent.sock'));
    const { stdout } = agent.process;
    if (stdout === null) throw new Error('the agent has no output');
    const lines = createInterface(stdout);
    await once(lines, 'line');
    lines.on('line', (line: string) => agent.lines.push(line));
    return agent;
  }

  /** What it was told, once all that it watched has ended. */
  async end(): Promise<readonly string[]> {
    if (this.process.exitCode === null) await once(this.process, 'close');
    return this.lines;
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }
}

function notify(bundle: TestBundle, socket: string): void {
  bundle.spec.linux['seccomp'] = {
    defaultAction: 'SCMP_ACT_ALLOW',
    listenerPath: socket,
    listenerMetadata: 'for the agent',
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }],
  };
}

async function withAgent(lab: RuntimeLab, body: (agent: Agent) => Promise<void>): Promise<void> {
  const agent = await Agent.start(lab);
  try {
    await body(agent);
  } finally {
    agent.kill();
  }
}

describeContract('seccomp listener', (must) => {
  must('the agent gets state and listener, and answers for the kernel', (lab) =>
    withAgent(lab, async (agent) => {
      const bundle = lab.bundle().script('mkdir /tmp/made');
      bundle.spec.annotations = { 'test.key': 'value' };
      notify(bundle, agent.socket);
      const { code, stderr } = await lab.run(bundle);
      expect([code, stderr]).toEqual([1, expect.stringContaining('Invalid cross-device link')]);
      const [state = '', ...calls] = await agent.end();
      expect(parseRecord(state)).toMatchObject({
        ociVersion: expect.any(String),
        fds: ['seccompFd'],
        pid: expect.any(Number),
        metadata: 'for the agent',
        state: { bundle: bundle.folder, annotations: { 'test.key': 'value' } },
      });
      expect(CALLS).toEqual(expect.arrayContaining(calls));
      expect(calls.length).toBeGreaterThan(0);
    }),
  );

  must('an exec and a container that is created first hand theirs over as well', async (lab) => {
    const bundle = lab.bundle();
    const socket = join(lab.folder, 'agent.sock');
    notify(bundle, socket);
    bundle.script('mkdir /tmp/made; exec sleep 1000');
    let id = '';
    await withAgent(lab, async (agent) => {
      id = await lab.start(bundle);
      await eventually(() => agent.lines.length > 1, 5000);
      expect(parseRecord(agent.lines[0] ?? '')['pid']).toBe(await lab.pid(id));
    });
    rmSync(socket);
    await withAgent(lab, async (agent) => {
      const { code } = await lab.call(['exec', id, 'mkdir', '/tmp/other']);
      const [state = '', ...calls] = await agent.end();
      expect([code, calls.length]).toEqual([1, 1]);
      const told = parseRecord(state);
      expect(told['state']).toMatchObject({ id, status: 'running', pid: await lab.pid(id) });
      expect(told['pid']).not.toBe(await lab.pid(id));
    });
  });

  must('without an agent the container does not start, and nothing is left', async (lab) => {
    const bundle = lab.bundle();
    notify(bundle, join(lab.folder, 'nobody.sock'));
    const { code, stderr } = await lab.run(bundle);
    expect([code, stderr]).toEqual([1, expect.stringContaining('nobody.sock')]);
  });

  must('asking nobody is refused', async (lab) => {
    const bundle = lab.bundle();
    notify(bundle, '');
    expect((await lab.run(bundle)).code).toBe(1);
  });

  must('the calls that hand the listener over cannot wait for the agent', async (lab) => {
    const bundle = lab.bundle();
    notify(bundle, join(lab.folder, 'nobody.sock'));
    Object.assign(bundle.spec.linux['seccomp'] as object, { defaultAction: 'SCMP_ACT_NOTIFY' });
    expect((await lab.run(bundle)).code).toBe(1);
  });
});
