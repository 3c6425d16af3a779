import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { OURS, RuntimeLab } from '../../support/runtime.ts';

let lab: RuntimeLab;
beforeEach(() => {
  lab = new RuntimeLab(OURS);
});
afterEach(async () => {
  expect(await lab.close()).toEqual([]);
});

describe('the runtime’s own executable (CVE-2019-5736)', () => {
  /** A copy, so that no other test that runs meanwhile keeps the kernel from letting anyone write to it. */
  let copy: RuntimeLab;
  beforeEach(() => {
    const path = join(lab.folder, 'ocup-runtime');
    copyFileSync(OURS.path, path);
    copy = new RuntimeLab({ ...OURS, path });
  });
  afterEach(async () => {
    expect(await copy.close()).toEqual([]);
  });

  /** A container whose neighbour in the same pid namespace waits for start, and can be looked at. */
  async function neighbourOfEnteringProcess(
    capabilities: string[],
  ): Promise<{ id: string; rootfs: string }> {
    const outer = copy.bundle();
    for (const set of Object.values(outer.spec.process.capabilities)) set.push(...capabilities);
    const id = await copy.start(outer);
    const inner = copy.bundle();
    const path = `/proc/${await copy.pid(id)}/ns/pid`;
    inner.spec.linux.namespaces = inner.spec.linux.namespaces.map((space) =>
      space.type === 'pid' ? { type: 'pid', path } : space,
    );
    await copy.create(inner);
    return { id, rootfs: outer.rootfs };
  }

  const attack = [
    'for p in /proc/[0-9]*; do grep -q ocup $p/comm && victim=$p; done',
    'exec 9< $victim/exe || exit 3',
    'kill -9 ${victim#/proc/}',
    'while grep -q "State:.[^Z]" $victim/status; do sleep 0.01; done 2> /dev/null',
    // Until nobody executes the file any more, the kernel has another reason to refuse.
    'until (: >> /proc/self/fd/9) 2> /tmp/said || ! grep -q busy /tmp/said; do sleep 0.01; done',
  ].join('; ');

  test('cannot be opened for writing by a privileged neighbour', async () => {
    const before = digestOf(copy.program.path);
    const { id, rootfs } = await neighbourOfEnteringProcess(['CAP_SYS_PTRACE']);
    // Detached: a runtime that waits for the program would be executing the file.
    const script = `${attack}; echo > /tmp/done`;
    await copy.succeed(['exec', '--detach', id, 'sh', '-c', script]);
    const said = (name: string): string => join(rootfs, 'tmp', name);
    await eventually(() => existsSync(said('done')), 10_000);
    expect(readFileSync(said('said'), 'utf8')).toContain('Read-only file system');
    expect(digestOf(copy.program.path)).toBe(before);
  });

  test('cannot even be looked at by an unprivileged neighbour', async () => {
    const { id } = await neighbourOfEnteringProcess([]);
    const { stderr } = await copy.call(['exec', id, 'sh', '-c', attack]);
    expect(stderr).toContain('Permission denied');
  });

  test('is not what /proc/self/exe of a script leads to for writing', async () => {
    const bundle = copy.bundle();
    bundle.write('tmp/trap', '#!/proc/self/exe\n', 0o755);
    bundle.spec.process.args = ['/tmp/trap'];
    const before = digestOf(copy.program.path);
    await copy.run(bundle);
    expect(digestOf(copy.program.path)).toBe(before);
  });
});

function digestOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
