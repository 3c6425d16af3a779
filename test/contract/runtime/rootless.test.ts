import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { TestBundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import {
  callProgram,
  isHybrid,
  isUnified,
  type Outcome,
  parseRecord,
  RUNTIMES,
  RuntimeLab,
} from '../../support/runtime.ts';

/** Nobody else's on any machine that runs tests. */
const UID = 23456;
const FIRST_SUB_ID = 3_000_000;

/**
 * A user of the machine, for as long as one command: in a mount namespace in which the files that name users and
 * their subordinate ids have lines for it. The command is in `cgroup`, unless that is empty.
 */
function asUser(lab: RuntimeLab, args: readonly string[], cgroup: string): Promise<Outcome> {
  const files = join(lab.folder, 'etc');
  mkdirSync(files, { recursive: true });
  const users = readFileSync('/etc/passwd', 'utf8');
  writeFileSync(join(files, 'passwd'), `${users}ocuptest:x:${UID}:${UID}::/:/bin/sh\n`);
  writeFileSync(join(files, 'subuid'), `ocuptest:${FIRST_SUB_ID}:65536\n`);
  writeFileSync(join(files, 'subgid'), `ocuptest:${FIRST_SUB_ID}:65536\n`);
  const script = `
for name in passwd subuid subgid; do mount --bind "$1/$name" /etc/$name; done
id=$2
[ -z "$3" ] || echo $$ >"$3/cgroup.procs"
shift 3
exec setpriv --reuid "$id" --regid "$id" --clear-groups --inh-caps=-all "$@"`;
  const command = ['--mount', 'sh', '-ec', script, 'sh', files, String(UID), cgroup, ...args];
  return callProgram('/usr/bin/unshare', command, lab.folder);
}

describe.each(RUNTIMES.map((program) => [program.name, program] as const))(
  'without root: %s',
  (_, program) => {
    const reason =
      program.skipReason ??
      (existsSync('/usr/bin/newuidmap') ? undefined : 'newuidmap is not installed');
    const must = reason === undefined ? test : test.skip;
    let lab: RuntimeLab;
    let bundle: TestBundle;
    /** The cgroup that commands are run in; empty: that of the tests. */
    let own = '';

    beforeEach(() => {
      own = '';
      lab = new RuntimeLab(program);
      chmodSync(lab.folder, 0o755);
      mkdirSync(lab.root);
      chownSync(lab.root, UID, UID);
      bundle = lab.bundle().namespaces('user');
      bundle.chownTo(UID);
      const { linux } = bundle.spec;
      linux.resources = {};
      bundle.spec.mounts = bundle.spec.mounts.filter(({ type }) => type !== 'cgroup');
      useIds([{ containerID: 0, hostID: UID, size: 1 }]);
    });
    afterEach(async () => {
      expect(await lab.close()).toEqual([]);
    });

    function useIds(
      mapping: readonly { containerID: number; hostID: number; size: number }[],
    ): void {
      bundle.spec.linux['uidMappings'] = mapping;
      bundle.spec.linux['gidMappings'] = mapping;
      const terminals = bundle.spec.mounts.find(({ type }) => type === 'devpts');
      const isSingle = mapping.length === 1;
      if (terminals?.options !== undefined && isSingle) {
        terminals.options = terminals.options.filter((option) => option !== 'gid=5');
      }
    }

    function call(...args: readonly string[]): Promise<Outcome> {
      return asUser(lab, [program.path, '--root', lab.root, ...args], own);
    }

    function run(): Promise<Outcome> {
      bundle.save();
      return call('run', '-b', bundle.folder, lab.id());
    }

    must('with one id, which is root inside', async () => {
      bundle.script(
        'id -u; cat /proc/self/uid_map /proc/self/setgroups; touch /made; ls /dev; echo x > /dev/null',
      );
      const { code, stdout, stderr } = await run();
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout.replaceAll(/ +/g, ' ')).toMatch(new RegExp(`^0\n 0 ${UID} 1\ndeny\n`));
      expect(stdout).toContain('urandom');
    });

    must('with a range of ids, by newuidmap and newgidmap', async () => {
      useIds([
        { containerID: 0, hostID: UID, size: 1 },
        { containerID: 1, hostID: FIRST_SUB_ID, size: 65536 },
      ]);
      bundle.script('cat /proc/self/uid_map /proc/self/gid_map; id -u; id -g; id -G');
      // runc gives nobody without root further groups.
      const additionalGids = program.name === 'runc' ? [] : [7];
      Object.assign(bundle.spec.process.user, { uid: 1000, gid: 1000, additionalGids });
      const { code, stdout, stderr } = await run();
      expect([code, stderr]).toEqual([0, '']);
      const map = `0 ${UID} 1\n1 ${FIRST_SUB_ID} 65536\n`;
      const text = stdout.replaceAll(/^ +/gm, '').replaceAll(/ +/g, ' ');
      expect(text).toBe(`${map}${map}1000\n1000\n${[1000, ...additionalGids].join(' ')}\n`);
    });

    must('ids that are not the user’s are refused', async () => {
      useIds([
        { containerID: 0, hostID: UID, size: 1 },
        { containerID: 1, hostID: FIRST_SUB_ID + 100_000, size: 65536 },
      ]);
      const { code, stderr } = await run();
      expect([code, stderr]).toEqual([1, expect.stringMatching(/uid_?map/)]);
    });

    must('create, start, exec, state, kill and delete', async () => {
      bundle.spec.process.args = ['/bin/sleep', '1000'];
      bundle.save();
      const id = lab.id();
      const succeed = async (...args: readonly string[]): Promise<string> => {
        const { code, stdout, stderr } = await call(...args);
        expect([args, code, stderr]).toEqual([args, 0, expect.any(String)]);
        return stdout;
      };
      await succeed('run', '-d', '-b', bundle.folder, id);
      expect(await succeed('exec', id, 'id', '-u')).toBe('0\n');
      expect(parseRecord(await succeed('state', id))).toMatchObject({ id, status: 'running' });
      expect(await succeed('list', '-q')).toBe(`${id}\n`);
      await succeed('kill', id, 'KILL');
      await eventually(
        async () => parseRecord(await succeed('state', id))['status'] === 'stopped',
        5000,
      );
      await succeed('delete', id);
      expect(existsSync(join(lab.root, id))).toBe(false);
    });

    const tree = isUnified() ? '/sys/fs/cgroup' : '/sys/fs/cgroup/unified';
    const canDelegate = existsSync(join(tree, 'cgroup.procs'));
    const delegated = program.name === 'ocup-runtime' && canDelegate ? must : test.skip;
    const hybrid = program.name === 'ocup-runtime' && isHybrid() ? must : test.skip;

    /** What is called in `body` is in a version 2 cgroup that was handed to the user, below `parent`. */
    async function inHandedCgroup(body: (parent: string) => Promise<void>): Promise<void> {
      const parent = join(tree, lab.folder.slice(lab.folder.lastIndexOf('/') + 1));
      own = join(parent, 'own');
      for (const folder of [parent, own]) {
        mkdirSync(folder);
        chownSync(folder, UID, UID);
        chownSync(join(folder, 'cgroup.procs'), UID, UID);
      }
      try {
        await body(parent);
      } finally {
        rmdirSync(own);
        rmdirSync(parent);
      }
    }

    delegated('in a version 2 cgroup that was handed to the user', async () => {
      await inHandedCgroup(async (parent) => {
        bundle.spec.process.args = ['/bin/sleep', '1000'];
        bundle.save();
        const id = lab.id();
        expect(await call('run', '-d', '-b', bundle.folder, id)).toMatchObject({ code: 0 });
        const pid = Number(parseRecord((await call('state', id)).stdout)['pid']);
        expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(`/${id}\n`);
        expect(readFileSync(join(parent, id, 'cgroup.procs'), 'utf8')).toBe(`${pid}\n`);
        expect(await call('pause', id)).toMatchObject({ code: 0 });
        expect(parseRecord((await call('state', id)).stdout)['status']).toBe('paused');
        expect(await call('delete', '--force', id)).toMatchObject({ code: 0 });
        expect(existsSync(join(parent, id))).toBe(false);
      });
    });

    hybrid('a version 2 cgroup beside version 1 holds no limits, and says so', async () => {
      await inHandedCgroup(async () => {
        bundle.spec.process.args = ['/bin/sleep', '1000'];
        bundle.save();
        const id = lab.id();
        expect(await call('run', '-d', '-b', bundle.folder, id)).toMatchObject({ code: 0 });
        const update = await call('update', '--pids-limit', '50', id);
        expect([update.code, update.stderr]).toEqual([1, expect.stringMatching(/pids/)]);
        const { stdout, code } = await call('events', '--stats', id);
        expect([code, parseRecord(stdout)]).toEqual([0, expect.objectContaining({ id })]);
        expect(await call('delete', '--force', id)).toMatchObject({ code: 0 });
        bundle.spec.linux.resources = { unified: { 'memory.high': '50000000' } };
        const { code: refused, stderr } = await run();
        expect([refused, stderr]).toEqual([1, expect.stringContaining('version 2 only')]);
      });
    });

    for (const namespaces of [[], ['cgroup']]) {
      const title = namespaces.length === 0 ? 'without' : 'with';
      hybrid(`${title} a cgroup namespace the version 1 hierarchies can be mounted`, async () => {
        bundle
          .namespaces(...namespaces)
          .script('ls /sys/fs/cgroup; cat /sys/fs/cgroup/pids/cgroup.procs | head -n 1');
        bundle.spec.mounts.push({
          destination: '/sys/fs/cgroup',
          type: 'cgroup',
          source: 'cgroup',
          options: ['ro', 'nosuid', 'noexec', 'nodev'],
        });
        for (const isHanded of [true, false]) {
          const check = async (): Promise<void> => {
            const { code, stdout, stderr } = await run();
            expect([code, stderr, stdout]).toEqual([
              0,
              '',
              expect.stringMatching(/memory\npids\n/),
            ]);
          };
          if (isHanded) await inHandedCgroup(check);
          else await check();
          own = '';
        }
      });
    }

    must('a limit that no cgroup can keep is refused, and nothing is left', async () => {
      bundle.spec.linux.resources = { memory: { limit: 64 << 20 } };
      const { code, stderr } = await run();
      expect([code, stderr]).toEqual([1, expect.stringContaining('cgroup')]);
    });
  },
);
