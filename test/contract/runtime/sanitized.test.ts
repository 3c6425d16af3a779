import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { RuntimeLab, SANITIZED } from '../../support/runtime.ts';

// One life of a container and one of every kind of mistake, under the sanitizers, which make the call fail when they
// find a fault. OCUP_TEST_SANITIZED=1 takes the sanitized build through the whole contract.

let lab: RuntimeLab;
beforeEach(() => {
  lab = new RuntimeLab(SANITIZED);
});
afterEach(async () => {
  expect(await lab.close()).toEqual([]);
});

const { skipReason } = SANITIZED;
const testWhenBuilt = skipReason === undefined ? test : test.skip;
const TITLE = skipReason === undefined ? '' : ` (${skipReason})`;

describe(`the runtime with sanitizers${TITLE}`, () => {
  testWhenBuilt('runs a program to its end', async () => {
    const { code, stdout } = await lab.run(lab.bundle().script('echo inside; exit 7'));
    expect([code, stdout]).toEqual([7, 'inside\n']);
  });

  testWhenBuilt('creates, starts, enters, pauses and deletes a container', async () => {
    const id = await lab.start(lab.bundle());
    expect((await lab.succeed(['exec', id, 'echo', 'beside'])).stdout).toBe('beside\n');
    await lab.succeed(['update', '--pids-limit', '50', id]);
    await lab.succeed(['pause', id]);
    await lab.succeed(['resume', id]);
    await lab.succeed(['ps', id]);
    await lab.succeed(['delete', '--force', id]);
    await lab.succeed(['list']);
  });

  testWhenBuilt('refuses a program that is not there', async () => {
    const bundle = lab.bundle();
    bundle.spec.process.args = ['/nowhere'];
    expect((await lab.run(bundle)).code).toBe(1);
  });

  testWhenBuilt('refuses a mount that cannot be made', async () => {
    const bundle = lab.bundle();
    bundle.spec.mounts.push({ destination: '/x', source: '/nowhere', options: ['bind'] });
    expect((await lab.run(bundle)).code).toBe(1);
  });

  testWhenBuilt('refuses a wrong field', async () => {
    const bundle = lab.bundle();
    bundle.spec.process.rlimits.push({ type: 'RLIMIT_FOO', soft: 1, hard: 1 });
    expect((await lab.run(bundle)).code).toBe(1);
  });
});
