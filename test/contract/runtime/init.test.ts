import { copyFileSync, existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { OURS, RuntimeLab } from '../../support/runtime.ts';
import type { TestBundle } from '../../support/bundle.ts';

const INIT = resolve(import.meta.dirname, '../../../build/Release/ocup-init');

describe('ocup-init as the first process', () => {
  let lab: RuntimeLab;
  let bundle: TestBundle;
  beforeEach(() => {
    lab = new RuntimeLab(OURS);
    bundle = lab.bundle();
    copyFileSync(INIT, join(bundle.rootfs, 'init'));
  });
  afterEach(async () => {
    expect(await lab.close()).toEqual([]);
  });

  function under(script: string): TestBundle {
    bundle.spec.process.args = ['/init', '--', '/bin/sh', '-c', script];
    return bundle;
  }

  test('ends with the code of its command', async () => {
    expect((await lab.run(under('exit 42'))).code).toBe(42);
  });

  test('ends with 128 and the signal that ended its command', async () => {
    expect((await lab.run(under('kill -KILL $$'))).code).toBe(137);
  });

  test('hands signals on, although a first process ignores those it does not handle', async () => {
    const id = await lab.start(under('echo > /tmp/up; exec sleep 1000'));
    await eventually(() => existsSync(join(bundle.rootfs, 'tmp/up')), 5000);
    await lab.succeed(['kill', id, 'TERM']);
    await eventually(async () => (await lab.status(id)) === 'stopped', 5000);
  });

  test('reaps what nobody else waits for', async () => {
    const script = '(sleep 0 & sleep 0 & sleep 0 &); sleep 0.3; ps -o stat | grep -c Z; exit 0';
    expect((await lab.run(under(script))).stdout.trim()).toBe('0');
  });

  test('hands standard input and the environment on', async () => {
    bundle.spec.process.env.push('A=b');
    const { stdout } = await lab.run(under('echo $A; cat'), [], { input: 'through\n' });
    expect(stdout).toBe('b\nthrough\n');
  });

  test('a command that is not there ends it with 127, one that cannot be executed with 126', async () => {
    bundle.spec.process.args = ['/init', '--', 'nosuch'];
    expect((await lab.run(bundle)).code).toBe(127);
    bundle.spec.process.args = ['/init', '--', '/etc/passwd'];
    expect((await lab.run(bundle)).code).toBe(126);
  });

  test('without a command it says how it is used', async () => {
    bundle.spec.process.args = ['/init', '--'];
    const { code, stderr } = await lab.run(bundle);
    expect([code, stderr.startsWith('usage: ')]).toEqual([2, true]);
  });
});
