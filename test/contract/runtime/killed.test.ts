import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { callProgram, cgroupsNamed, OURS, RuntimeLab } from '../../support/runtime.ts';

const STRACE = '/usr/bin/strace';
const hasStrace = existsSync(STRACE);
/** Steps of the life of a runtime are its system calls: it has changed nothing between two of them. */
const describeWithStrace = hasStrace ? describe : describe.skip;
const TITLE = hasStrace ? '' : ' (strace is not installed)';
const TIMEOUT_MS = 300_000;

let lab: RuntimeLab;
beforeEach(() => {
  lab = new RuntimeLab(OURS);
});
afterEach(async () => {
  expect(await lab.close()).toEqual([]);
});

interface Step {
  readonly call: string;
  /** The how-many-th call of that name it is. */
  readonly count: number;
}

async function strace(options: readonly string[], command: readonly string[]): Promise<number> {
  const args = [...options, OURS.path, '--root', lab.root, ...command];
  return (await callProgram(STRACE, args, lab.folder)).code;
}

/** Every system call that a whole run of `command` makes, by process: those of the runtime come first. */
async function stepsOf(
  command: readonly string[],
  options: readonly string[] = [],
): Promise<Step[][]> {
  const log = join(lab.folder, 'trace');
  expect(await strace(['-o', log, '--quiet=all', '--signal=none', ...options], command)).toBe(0);
  const processes = new Map<string, Step[]>();
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [, pid = '', call = ''] = /^(?:(\d+) +)?([a-z_0-9]+)\(/.exec(line) ?? [];
    if (call === '') continue;
    const steps = processes.get(pid) ?? [];
    processes.set(pid, steps);
    steps.push({ call, count: 1 + steps.filter((step) => step.call === call).length });
  }
  return [...processes.values()];
}

function killAt({ call, count }: Step, follows = false): string[] {
  const inject = `--inject=${call}:signal=KILL:when=${count}`;
  return [...(follows ? ['-f'] : []), '-o', '/dev/null', '--quiet=all', inject];
}

function processesOf(id: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const [stat = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').slice(-1);
      return !/^[ZX]/.test(stat) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(id);
    } catch {
      return false; // it ended meanwhile
    }
  });
}

/** After `delete --force` there is no trace of the container. */
async function expectDeletable(id: string, step: Step): Promise<void> {
  const { code, stderr } = await lab.call(['delete', '--force', id]);
  expect([step, code, stderr]).toEqual([step, 0, '']);
  expect([step, existsSync(join(lab.root, id))]).toEqual([step, false]);
  expect([step, cgroupsNamed([id])]).toEqual([step, []]);
  await eventually(() => processesOf(id).length === 0, 5000, `no process of ${id} is left`);
}

function makeBundle(id: string, args = ['/bin/sleep', '100000', id]): string {
  const bundle = lab.bundle();
  bundle.spec.process.args = args;
  bundle.spec.linux.resources['pids'] = { limit: 100 };
  bundle.save();
  return bundle.folder;
}

describeWithStrace(`SIGKILL at each step of the runtime${TITLE}`, () => {
  test(
    'create leaves what delete --force takes away',
    async () => {
      const first = lab.id();
      const folder = makeBundle(first);
      const [steps = []] = await stepsOf(['create', '-b', folder, first]);
      await lab.succeed(['delete', '--force', first]);
      expect(steps.length).toBeGreaterThan(150);
      for (const step of steps) {
        const id = lab.id();
        await strace(killAt(step), ['create', '-b', folder, id]);
        await expectDeletable(id, step);
      }
    },
    TIMEOUT_MS,
  );

  test(
    'delete can be done again',
    async () => {
      const folder = makeBundle('sleeper');
      const create = async (): Promise<string> => {
        const id = lab.id();
        await lab.succeed(['create', '-b', folder, id]);
        return id;
      };
      const [steps = []] = await stepsOf(['delete', '--force', await create()]);
      for (const step of steps) {
        const id = await create();
        await strace(killAt(step), ['delete', '--force', id]);
        await expectDeletable(id, step);
      }
    },
    TIMEOUT_MS,
  );
});

describeWithStrace(`SIGKILL of the first process while it builds its root${TITLE}`, () => {
  const INSIDE =
    'fsopen,fsmount,move_mount,open_tree,mknodat,symlinkat,pivot_root,umount2,setsid,capset,sethostname';

  test(
    'makes run fail, with nothing left behind',
    async () => {
      const folder = makeBundle('true', ['/bin/true']);
      const traced = ['-f', `--trace=${INSIDE}`];
      const [ofRuntime = [], ofFirst = []] = await stepsOf(['run', '-b', folder, lab.id()], traced);
      const last = (call: string): number => ofRuntime.filter((one) => one.call === call).length;
      // What the runtime calls as often itself would kill that one: the other test does.
      const steps = ofFirst.filter(({ call, count }) => count > last(call));
      expect(steps.length).toBeGreaterThan(40);
      for (const step of steps) {
        const id = lab.id();
        const code = await strace(killAt(step, true), ['run', '-b', folder, id]);
        expect([step, code === 0]).toEqual([step, false]);
        expect([step, existsSync(join(lab.root, id))]).toEqual([step, false]);
        expect([step, cgroupsNamed([id])]).toEqual([step, []]);
      }
    },
    TIMEOUT_MS,
  );
});

describe('a runtime that is killed at some moment', () => {
  test('leaves what delete --force takes away, and no process', async () => {
    const folder = makeBundle('sleeper');
    for (let round = 0; round < 20; round += 1) {
      const id = lab.id();
      const args = ['--root', lab.root, 'create', '-b', folder, id];
      const child = spawn(OURS.path, args, { stdio: 'ignore' });
      const ended = new Promise((done) => child.once('exit', done));
      await new Promise((done) => setTimeout(done, round * 0.5));
      child.kill('SIGKILL');
      await ended;
      await expectDeletable(id, { call: `after ${round * 0.5} ms`, count: 1 });
    }
  });
});
