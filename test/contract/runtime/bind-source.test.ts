import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { TestBundle } from '../../support/bundle.ts';
import { callProgram } from '../../support/runtime.ts';
import { describeContract } from './contract.ts';

const OUTER_ID = 100_000;

/** `closed/data` below a folder that only root may enter, and a container whose root is another user out here. */
function closeSource(bundle: TestBundle): string {
  const closed = join(bundle.folder, 'closed');
  mkdirSync(join(closed, 'data'), { recursive: true });
  writeFileSync(join(closed, 'data/file'), 'text\n');
  chmodSync(closed, 0o700);
  const mapping = [{ containerID: 0, hostID: OUTER_ID, size: 65536 }];
  Object.assign(bundle.namespaces('user').spec.linux, {
    uidMappings: mapping,
    gidMappings: mapping,
  });
  bundle.chownTo(OUTER_ID);
  return closed;
}

function bind(bundle: TestBundle, source: string, ...options: readonly string[]): void {
  bundle.spec.mounts.push({ destination: '/data', type: 'bind', source, options: [...options] });
}

describeContract('a bind source that the user of the container cannot reach', (must) => {
  must('a folder is bound', async (lab) => {
    const bundle = lab.bundle().script('cat /data/file');
    bind(bundle, join(closeSource(bundle), 'data'), 'bind');
    expect(await lab.run(bundle)).toMatchObject({ stdout: 'text\n', stderr: '' });
  });

  must('a file is bound', async (lab) => {
    const bundle = lab.bundle().script('cat /data');
    bind(bundle, join(closeSource(bundle), 'data/file'), 'bind');
    expect(await lab.run(bundle)).toMatchObject({ stdout: 'text\n', stderr: '' });
  });

  must('a link in it is followed out here', async (lab) => {
    const bundle = lab.bundle().script('cat /data/file');
    const closed = closeSource(bundle);
    symlinkSync('data', join(closed, 'link'));
    bind(bundle, join(closed, 'link'), 'bind');
    expect(await lab.run(bundle)).toMatchObject({ stdout: 'text\n', stderr: '' });
  });

  must('its options hold', async (lab) => {
    const bundle = lab
      .bundle()
      .script('touch /data/new 2>&1; grep " /data " /proc/self/mountinfo | cut -d " " -f 6');
    const closed = closeSource(bundle);
    chmodSync(join(closed, 'data'), 0o777);
    bind(bundle, join(closed, 'data'), 'bind', 'ro', 'nosuid', 'nodev', 'noexec');
    const { stdout } = await lab.run(bundle);
    expect(stdout).toMatch(/Read-only file system\nro,nosuid,nodev,noexec/);
  });

  must('its propagation holds', async (lab) => {
    const bundle = lab.bundle().script('grep " /data " /proc/self/mountinfo | cut -d " " -f 7');
    bind(bundle, join(closeSource(bundle), 'data'), 'bind', 'rprivate');
    expect((await lab.run(bundle)).stdout).toBe('-\n');
  });

  for (const [option, seen] of [
    ['rbind', 'below\n'],
    ['bind', ''],
  ] as const) {
    for (const mode of [0o700, 0o755]) {
      const goes = option === 'bind' ? 'stays away' : 'goes along';
      const where = mode === 0o700 ? '' : ', and in one that it can reach';
      must(
        `${option}: what is mounted below ${goes}${where}`,
        async (lab) => {
          const bundle = lab.bundle().script('cat /data/mounted/file 2>/dev/null; exit 0');
          const closed = closeSource(bundle);
          chmodSync(closed, mode);
          mkdirSync(join(closed, 'data/mounted'));
          bind(bundle, join(closed, 'data'), option);
          bundle.save();
          const script =
            'mount -t tmpfs -o mode=755 below "$0" && echo below >"$0/file" && exec "$@"';
          const call = [lab.program.path, '--root', lab.root, 'run', '-b', bundle.folder, lab.id()];
          const words = ['--mount', 'sh', '-c', script, join(closed, 'data/mounted'), ...call];
          const outcome = await callProgram('/usr/bin/unshare', words, lab.folder);
          expect(outcome).toMatchObject({ code: 0, stdout: seen });
        },
        option === 'bind' ? { except: { runc: 'version 1.1 binds it inside, which fails' } } : {},
      );
    }
  }

  must('one that is not there is named', async (lab) => {
    const bundle = lab.bundle();
    const source = join(closeSource(bundle), 'none');
    bind(bundle, source, 'bind');
    const { code, stderr } = await lab.run(bundle);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/No such file|no such file/)]);
    expect(stderr).toContain(source);
  });
});
