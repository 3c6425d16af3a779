import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { cgroupsNamed, OURS, RuntimeLab } from '../../support/runtime.ts';

type State = Record<string, unknown>;

let lab: RuntimeLab;
beforeEach(() => {
  lab = new RuntimeLab(OURS);
});
afterEach(async () => {
  expect(await lab.close()).toEqual([]);
});

/** What a full disk, a crash or a hand may leave of the file; undefined: nothing. */
const DAMAGES: readonly (readonly [string, (text: string) => string | undefined])[] = [
  ['cut off in the middle', (text) => text.slice(0, text.length / 2)],
  ['cut off after its first bytes', (text) => text.slice(0, 5)],
  ['empty', () => ''],
  ['full of zeros', (text) => '\0'.repeat(text.length)],
  ['of something else', () => 'Lorem ipsum dolor sit amet'],
  ['another JSON value', () => '[1, 2, 3]'],
  ['an empty object', () => '{}'],
  ['of a pid that is a text', (text) => edit(text, { pid: 'one' })],
  ['of a negative pid', (text) => edit(text, { pid: -1 })],
  ['of an id that is a list', (text) => edit(text, { id: [] })],
  ['of cgroups that are a number', (text) => edit(text, { cgroups: 7 })],
  ['of cgroups without a path', (text) => edit(text, { cgroups: [{ mount: '/sys/fs/cgroup' }] })],
  ['nested too deep', () => '['.repeat(100_000)],
  ['gone', () => undefined],
];

function edit(text: string, change: State): string {
  return JSON.stringify({ ...(JSON.parse(text) as State), ...change });
}

function isAlive(pid: number): boolean {
  try {
    return !/^[ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] ?? 'X');
  } catch {
    return false;
  }
}

async function startAndDamage(
  damage: (text: string) => string | undefined,
): Promise<{ id: string; pid: number }> {
  const bundle = lab.bundle().script('sleep 1000 & exec sleep 1000');
  const id = lab.id();
  // Not the place that the id alone would lead to.
  bundle.spec.linux.cgroupsPath = `/${id}-parent/${id}`;
  bundle.save();
  await lab.succeed(['create', '-b', bundle.folder, id]);
  await lab.succeed(['start', id]);
  const pid = await lab.pid(id);
  const file = join(lab.root, id, 'state.json');
  const text = damage(readFileSync(file, 'utf8'));
  if (text === undefined) rmSync(file);
  else writeFileSync(file, text);
  return { id, pid };
}

describe.each(DAMAGES)('a container whose state.json is %s', (name, damage) => {
  test('is removed by delete --force, with its processes and cgroups', async () => {
    const neighbour = await lab.start(lab.bundle());
    const { id, pid } = await startAndDamage(damage);
    const without = await lab.call(['delete', id]);
    const reason = name === 'gone' ? 'does not exist' : 'is damaged';
    expect([without.code, without.stderr.includes(reason)]).toEqual([1, true]);
    expect(isAlive(pid)).toBe(true);
    const { code, stderr } = await lab.call(['delete', '--force', id]);
    expect([code, stderr]).toEqual([0, '']);
    await eventually(() => !isAlive(pid), 5000);
    expect(existsSync(join(lab.root, id))).toBe(false);
    expect(cgroupsNamed([id, `${id}-parent`])).toEqual([]);
    expect(await lab.status(neighbour)).toBe('running');
  });
});

describe('a damaged state', () => {
  test('does not hide other containers', async () => {
    const neighbour = await lab.start(lab.bundle());
    const { id } = await startAndDamage(() => '');
    const { stdout, stderr } = await lab.succeed(['list', '--quiet']);
    expect(stdout).toBe(`${neighbour}\n`);
    expect(stderr).toContain(id);
    for (const command of [['state'], ['kill'], ['start'], ['pause'], ['ps']]) {
      expect((await lab.call([...command, id])).code).toBe(1);
    }
  });

  test('that names folders which are no cgroups takes nothing away', async () => {
    const victim = join(lab.folder, 'victim');
    mkdirSync(join(victim, 'below'), { recursive: true });
    const cgroups = [
      { controllers: 'pids', mount: lab.folder, path: '/victim', v2: false },
      { controllers: 'cpu', mount: '/sys/fs/cgroup', path: `/../../..${victim}`, v2: false },
    ];
    const { id, pid } = await startAndDamage((text) => edit(text, { cgroups }));
    expect((await lab.call(['delete', '--force', id])).code).toBe(0);
    expect(existsSync(join(victim, 'below'))).toBe(true);
    await eventually(() => !isAlive(pid), 5000);
    // The record was readable and knew of no cgroup: what is left is found when it is gone.
    mkdirSync(join(lab.root, id));
    expect((await lab.call(['delete', '--force', id])).code).toBe(0);
  });

  test('of a config that is none is removed with a warning', async () => {
    const config = { hooks: { poststop: 7 } };
    const { id } = await startAndDamage((text) => edit(text, { config }));
    const { code, stderr } = await lab.call(['delete', '--force', id]);
    expect([code, stderr.includes('cannot run poststop hooks')]).toEqual([0, true]);
  });

  test('of one root leaves a container of the same id in another alone', async () => {
    const { id } = await startAndDamage(() => '');
    const other = new RuntimeLab(OURS);
    try {
      const bundle = other.bundle().script('exec sleep 1000');
      bundle.spec.linux.cgroupsPath = `/${other.id()}`;
      bundle.save();
      await other.succeed(['create', '-b', bundle.folder, id]);
      const pid = await other.pid(id);
      await lab.succeed(['delete', '--force', id]);
      expect(isAlive(pid)).toBe(true);
      await other.succeed(['delete', '--force', id]);
    } finally {
      expect(await other.close()).toEqual([]);
    }
  });
});
