import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { TestBundle } from '../../support/bundle.ts';
import { OURS, parseRecord, RuntimeLab } from '../../support/runtime.ts';
import { runUnderSystemd, systemdObstacle } from '../../support/systemd-room.ts';

const obstacle = systemdObstacle();
const title = 'the systemd cgroup driver';

describe(obstacle === undefined ? title : `${title} (skipped: ${obstacle})`, () => {
  const must = obstacle === undefined ? test : test.skip;
  let lab: RuntimeLab;
  let bundle: TestBundle;
  beforeEach(() => {
    lab = new RuntimeLab(OURS);
    bundle = lab.bundle();
    // No devices to be ruled over and no mount of cgroups: the tree has no controllers here.
    bundle.spec.mounts = bundle.spec.mounts.filter(({ type }) => type !== 'cgroup');
    bundle.spec.process.args = ['/bin/sleep', '1000'];
  });
  afterEach(async () => {
    expect(await lab.close()).toEqual([]);
  });

  /** Runs the script, with `$R` as our runtime and `$B` as the bundle; its output by the `== name` before each part. */
  async function run(script: string): Promise<Record<string, string>> {
    bundle.save();
    const head = `R='${OURS.path} --root /run/runtime --systemd-cgroup'; B=${bundle.folder}; cd /
quiet() { "$@" </dev/null >/dev/null 2>/run/error || { echo "$* failed"; cat /run/error; }; }
`;
    const { code, output } = await runUnderSystemd(`${head}${script}`, [
      dirname(OURS.path),
      bundle.folder,
    ]);
    expect([code, output]).toEqual([0, expect.anything()]);
    return Object.fromEntries(
      output
        .split(/^== /m)
        .slice(1)
        .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
    );
  }

  must('a container lives in a scope, and both go together', async () => {
    bundle.spec.linux.cgroupsPath = 'trial-inner.slice:prefix:one';
    bundle.spec.annotations = {
      'org.systemd.property.TimeoutStopUSec': 'uint64 7000000',
      'org.systemd.property.KillSignal': '15',
      'org.systemd.property.CollectMode': "'inactive-or-failed'",
    };
    const parts = await run(`
quiet $R run -d -b $B one
pid=$($R state one | sed -n 's/.*"pid": \\([0-9]*\\).*/\\1/p')
echo '== cgroup'; grep '^0::' /proc/$pid/cgroup
echo '== unit'; systemctl show prefix-one.scope -p Description,Slice,Delegate,ActiveState,TimeoutStopUSec,KillSignal,CollectMode
echo '== update'; $R update --pids-limit -1 one; echo $?; systemctl show prefix-one.scope -p TasksMax
echo '== exec'; $R exec one cat /proc/self/cgroup | grep '^0::'
echo '== paused'; $R pause one; $R state one; $R resume one
echo '== deleted'; $R delete --force one; echo $?
echo '== left'; systemctl list-units --all --no-legend 'prefix-*'; find /sys/fs/cgroup -name 'prefix-*'; ls /run/runtime | grep one
true`);
    const path = '0::/trial.slice/trial-inner.slice/prefix-one.scope\n';
    expect(parts['cgroup']).toBe(path);
    expect(parts['unit']?.trim().split('\n').sort()).toEqual([
      'ActiveState=active',
      'CollectMode=inactive-or-failed',
      'Delegate=yes',
      'Description=container one',
      'KillSignal=15',
      'Slice=trial-inner.slice',
      'TimeoutStopUSec=7s',
    ]);
    expect(parts['update']).toBe('0\nTasksMax=infinity\n');
    expect(parts['exec']).toBe(path);
    expect(parseRecord(parts['paused'] ?? '')['status']).toBe('paused');
    expect(parts['deleted']).toBe('0\n');
    expect(parts['left']).toBe('');
  });

  must('without a path the scope is named after the container in system.slice', async () => {
    const parts = await run(`
quiet $R create -b $B two
echo '== scope'; systemctl list-units --all --no-legend --plain 'ocup-runtime-*' | cut -d' ' -f1
systemctl show ocup-runtime-two.scope -p Slice --value
echo '== started'; quiet $R start two; $R kill two KILL; until $R state two | grep -q stopped; do sleep 0.1; done
$R delete two; echo $?
echo '== left'; systemctl list-units --all --no-legend 'ocup-runtime-*'; find /sys/fs/cgroup -name 'ocup-runtime-*'`);
    expect(parts['scope']).toBe('ocup-runtime-two.scope\nsystem.slice\n');
    expect(parts['started']).toBe('0\n');
    expect(parts['left']).toBe('');
  });

  must('what fails leaves no unit behind, and says why', async () => {
    bundle.spec.process.args = ['/no/such/program'];
    const parts = await run(`
echo '== program'; $R run -b $B three </dev/null; echo $?
sed 's#"linux":{#"linux":{"cgroupsPath":"/not/of/systemd",#' $B/config.json > /run/config.json
mkdir /run/b; cp /run/config.json /run/b; ln -s $B/rootfs /run/b/rootfs
echo '== path'; $R run -b /run/b four </dev/null; echo $?
echo '== left'; systemctl list-units --all --no-legend 'ocup-runtime-*'; find /sys/fs/cgroup -name 'ocup-runtime-*'; ls /run/runtime | grep -v '~' || true`);
    expect(parts['program']).toMatch(/no such file or directory.*\n1\n$/s);
    expect(parts['path']).toMatch(/slice:prefix:name.*\n1\n$/s);
    expect(parts['left']).toBe('');
  });

  must('who is in a user namespace owns its cgroup when it can write to it', async () => {
    bundle.namespaces('user', 'cgroup');
    const mapping = [{ containerID: 0, hostID: 100000, size: 65536 }];
    Object.assign(bundle.spec.linux, { uidMappings: mapping, gidMappings: mapping, resources: {} });
    bundle.chownTo(100000);
    bundle.spec.mounts.push({
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['rw', 'nosuid', 'noexec', 'nodev'],
    });
    bundle.script(
      'mkdir /sys/fs/cgroup/mine; stat -c %u /sys/fs/cgroup/mine /sys/fs/cgroup/cgroup.procs',
    );
    const parts = await run(`
echo '== owner'; ${OURS.path} --root /run/runtime run -b $B five </dev/null; echo $?
echo '== left'; find /sys/fs/cgroup -name five`);
    expect(parts['owner']).toBe('0\n0\n0\n');
    expect(parts['left']).toBe('');
  });

  test('where systemd does not run, it is a clear error', async () => {
    if (existsSync('/run/systemd/system')) return;
    bundle.save();
    const { code, stderr } = await lab.call([
      '--systemd-cgroup',
      'run',
      '-b',
      bundle.folder,
      lab.id(),
    ]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('systemd is not the init')]);
  });
});
