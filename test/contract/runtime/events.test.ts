import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { parseRecord, type RuntimeLab } from '../../support/runtime.ts';
import { describeContract } from './contract.ts';

/** The lines of `events` until `enough` or its end. */
async function follow(
  lab: RuntimeLab,
  args: readonly string[],
  enough: (lines: readonly string[]) => boolean,
): Promise<readonly string[]> {
  const child = spawn(lab.program.path, ['--root', lab.root, 'events', ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  try {
    await eventually(() => enough(lines) || child.exitCode !== null, 10_000);
  } finally {
    if (child.exitCode === null) {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  }
  return lines;
}

describeContract('events', (must) => {
  must('--stats tells once what the cgroups have counted', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.linux.resources['memory'] = { limit: 64 << 20 };
    bundle.spec.linux.resources['pids'] = { limit: 33 };
    const id = await lab.start(bundle);
    const { stdout } = await lab.succeed(['events', '--stats', id]);
    const event = parseRecord(stdout);
    expect(event).toMatchObject({
      type: 'stats',
      id,
      data: {
        cpu: { usage: { total: expect.any(Number), kernel: expect.any(Number) }, throttling: {} },
        cpuset: expect.any(Object),
        memory: {
          usage: { limit: 64 << 20, usage: expect.any(Number), failcnt: 0 },
          swap: { failcnt: 0 },
          kernel: { failcnt: 0 },
          kernelTCP: { failcnt: 0 },
          raw: { pgfault: expect.any(Number) },
        },
        pids: { current: expect.any(Number), limit: 33 },
        blkio: expect.any(Object),
        hugetlb: expect.any(Object),
        intel_rdt: {},
        network_interfaces: null,
      },
    });
  });

  must('statistics come at every interval', async (lab) => {
    const id = await lab.start(lab.bundle());
    const lines = await follow(lab, ['--interval', '50ms', id], (all) => all.length >= 3);
    expect(lines.map((line) => parseRecord(line)['type'])).toEqual(lines.map(() => 'stats'));
    expect(lines.length).toBeGreaterThanOrEqual(3);
  });

  must('memory that runs out is an event', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.linux.resources['memory'] = { limit: 16 << 20, swap: 16 << 20 };
    bundle.spec.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: [] });
    bundle.script(
      'mkfifo /tmp/go; read line < /tmp/go; dd if=/dev/zero of=/dev/null bs=100M count=1; sleep 1000',
    );
    const id = await lab.start(bundle);
    let isAsked = false;
    const lines = await follow(lab, ['--interval', '100ms', id], (all) => {
      if (all.length > 0 && !isAsked) {
        isAsked = true;
        void lab.call(['exec', id, 'sh', '-c', 'echo go > /tmp/go']);
      }
      return all.some((line) => parseRecord(line)['type'] === 'oom');
    });
    expect(lines.map((line) => parseRecord(line)['type'])).toContain('oom');
  });

  must('a container that has stopped has no events', async (lab) => {
    const id = await lab.start(lab.bundle().script('exit 0'));
    await eventually(async () => (await lab.status(id)) === 'stopped', 5000);
    expect((await lab.call(['events', '--stats', id])).code).toBe(1);
  });

  must('an interval has to be a duration', async (lab) => {
    const id = await lab.start(lab.bundle());
    for (const interval of ['soon', '0s', '-1s', '5']) {
      expect((await lab.call(['events', '--interval', interval, id])).code).toBe(1);
    }
  });
});
