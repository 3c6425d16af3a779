import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { TestBundle } from '../../support/bundle.ts';
import { describeContract, SPEC_1_1 } from './contract.ts';

/** A folder with another file system mounted below it; `undo` takes that away. */
function nestedSource(bundle: TestBundle): { readonly path: string; readonly undo: () => void } {
  const path = join(bundle.folder, 'source');
  const below = join(path, 'below');
  mkdirSync(below, { recursive: true });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', below]);
  if (mounted.status !== 0) throw new Error(String(mounted.stderr));
  writeFileSync(join(below, 'file'), 'text');
  return { path, undo: () => void spawnSync('umount', [below]) };
}

/** The options of a mount, as the container's mountinfo has them, and its optional fields. */
function mountOf(mountinfo: string, path: string): { options: string[]; peers: string } {
  const lines = mountinfo.split('\n').map((line) => line.split(' '));
  const fields = lines.filter((words) => words[4] === path).at(-1) ?? [];
  const dash = fields.indexOf('-');
  return { options: (fields[5] ?? '').split(','), peers: fields.slice(6, dash).join(' ') };
}

const SHOW = 'cat /proc/self/mountinfo';

describeContract('mount options', (must) => {
  must(
    'recursive attributes reach the mounts below, others do not',
    async (lab) => {
      const bundle = lab.bundle().script(SHOW);
      const source = nestedSource(bundle);
      try {
        bundle.spec.mounts.push(
          {
            destination: '/plain',
            type: 'bind',
            source: source.path,
            options: ['rbind', 'ro', 'nosuid'],
          },
          {
            destination: '/deep',
            type: 'bind',
            source: source.path,
            options: ['rbind', 'rro', 'rnosuid', 'rnodev', 'rnoexec', 'rnoatime'],
          },
        );
        const { stdout, stderr } = await lab.run(bundle);
        expect(stderr).toBe('');
        expect(mountOf(stdout, '/plain').options).toEqual(expect.arrayContaining(['ro', 'nosuid']));
        expect(mountOf(stdout, '/plain/below').options).toEqual(expect.arrayContaining(['rw']));
        expect(mountOf(stdout, '/plain/below').options).not.toContain('nosuid');
        for (const path of ['/deep', '/deep/below']) {
          expect(mountOf(stdout, path).options).toEqual(
            expect.arrayContaining(['ro', 'nosuid', 'nodev', 'noexec', 'noatime']),
          );
        }
      } finally {
        source.undo();
      }
    },
    { except: { crun: SPEC_1_1.crun } },
  );

  must(
    'access times, symbolic links and their opposites',
    async (lab) => {
      const bundle = lab.bundle().script(SHOW);
      for (const [name, option] of [
        ['strict', 'strictatime'],
        ['no', 'noatime'],
        ['links', 'nosymfollow'],
        ['folders', 'nodiratime'],
      ] as const) {
        bundle.spec.mounts.push({
          destination: `/${name}`,
          type: 'tmpfs',
          source: 'tmpfs',
          options: ['nosuid', 'suid', option],
        });
      }
      const { stdout } = await lab.run(bundle);
      expect(mountOf(stdout, '/strict').options).not.toContain('relatime');
      expect(mountOf(stdout, '/no').options).toContain('noatime');
      expect(mountOf(stdout, '/links').options).toContain('nosymfollow');
      expect(mountOf(stdout, '/folders').options).toContain('nodiratime');
      expect(mountOf(stdout, '/no').options).not.toContain('nosuid');
    },
    { except: { runc: 'version 1.1 does not know nosymfollow' } },
  );

  must('propagation is set mount by mount', async (lab) => {
    const bundle = lab.bundle().script(SHOW);
    for (const mode of ['shared', 'slave', 'private', 'unbindable']) {
      bundle.spec.mounts.push({
        destination: `/${mode}`,
        type: 'tmpfs',
        source: 'tmpfs',
        options: [mode],
      });
    }
    const { stdout } = await lab.run(bundle);
    expect(mountOf(stdout, '/shared').peers).toMatch(/^shared:\d+$/);
    expect(mountOf(stdout, '/private').peers).toBe('');
    expect(mountOf(stdout, '/unbindable').peers).toBe('unbindable');
  });

  must('rootfsPropagation is that of the root', async (lab) => {
    for (const [mode, peers] of [
      ['private', /^$/],
      ['rprivate', /^$/],
      ['unbindable', /^unbindable$/],
    ] as const) {
      // It binds the root after that, which the kernel refuses.
      if (mode === 'unbindable' && lab.program.name === 'runc') continue;
      const bundle = lab.bundle().script(SHOW);
      bundle.spec.linux['rootfsPropagation'] = mode;
      const { stdout, stderr } = await lab.run(bundle);
      expect([mode, stderr, mountOf(stdout, '/').peers]).toEqual([
        mode,
        '',
        expect.stringMatching(peers),
      ]);
    }
  });

  must(
    'a root that is shared has peers',
    async (lab) => {
      const bundle = lab.bundle().script(SHOW);
      bundle.spec.linux['rootfsPropagation'] = 'rshared';
      expect(mountOf((await lab.run(bundle)).stdout, '/').peers).toContain('shared:');
    },
    { except: { runc: 'version 1.1 leaves it private below a private root' } },
  );

  must('a propagation or an option that is unknown is refused', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.linux['rootfsPropagation'] = 'sideways';
    expect((await lab.run(bundle)).code).toBe(1);
    delete bundle.spec.linux['rootfsPropagation'];
    bundle.spec.mounts.push({
      destination: '/x',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nonsense=1'],
    });
    expect((await lab.run(bundle)).code).toBe(1);
  });
});
