import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { installRoot } from '../../../src/base/install-root.ts';
import { buildSpec } from '../../../src/bundle/build-spec.ts';
import { buildExecProcess } from '../../../src/bundle/exec-process.ts';
import { portableHost } from '../../../src/bundle/portable-host.ts';
import { resolveUser } from '../../../src/bundle/resolve-user.ts';
import { formatJson } from '../../../src/base/json.ts';
import { probeHost, specHost } from '../../../src/host/facts.ts';
import { listDevices, lookUpDevices } from '../../../src/host/devices.ts';
import { NO_RESOURCES } from '../../support/project-values.ts';
import { specInput, type SpecInputChanges } from '../../support/spec-values.ts';
import { RuntimeBundle, RUNTIMES, type RuntimeResult } from './runtime-bundle.ts';

const INIT = join(installRoot(), 'build/Release/ocup-init');
const MIB = 1024 * 1024;
const host = specHost(await probeHost({ dataDir: '/' }));

describe.each(RUNTIMES)('a bundle under $name', ({ path, obstacle }) => {
  const check = obstacle === undefined ? test : test.skip;
  const title = (text: string): string =>
    obstacle === undefined ? text : `${text} (skipped: ${obstacle})`;

  /** Runs `script` in a container, in a bundle that was made for this machine. */
  async function runScript(script: string, changes: SpecInputChanges = {}): Promise<RuntimeResult> {
    const args = ['/bin/sh', '-c', script];
    const spec = buildSpec(specInput({ host, ...changes, args }));
    await using bundle = await RuntimeBundle.create(path, spec);
    return await bundle.run();
  }

  /** The lines that it wrote. @throws unless it succeeds */
  async function linesOf(script: string, changes: SpecInputChanges = {}): Promise<string[]> {
    const { code, stdout, stderr } = await runScript(script, changes);
    if (code !== 0) throw new Error(`ended with ${code}: ${stderr}`);
    return stdout.trim().split('\n');
  }

  check(title('that was exported runs as it is'), async () => {
    const lines = await linesOf('hostname; echo $HOME $PATH', {
      purpose: 'export',
      host: portableHost(host.architecture),
      image: { env: ['PATH=/bin'] },
    });
    expect(lines).toEqual(['web', '/ /bin']);
  });

  check(title('has Docker’s capabilities and a system call filter'), async () => {
    const lines = await linesOf('grep -E "^(CapBnd|CapEff|Seccomp|NoNewPrivs):" /proc/self/status');
    expect(lines).toEqual([
      'CapEff:\t00000000a80425fb',
      'CapBnd:\t00000000a80425fb',
      'NoNewPrivs:\t0',
      'Seccomp:\t2',
    ]);
  });

  check(title('may make namespaces only with CAP_SYS_ADMIN'), async () => {
    const script = 'unshare -m true && echo made || echo refused';
    expect(await linesOf(script)).toEqual(['refused']);
    expect(await linesOf(script, { config: { capAdd: ['SYS_ADMIN'] } })).toEqual(['made']);
  });

  check(title('hides and protects parts of /proc'), async () => {
    const script =
      'cat /proc/timer_list | busybox wc -c; (echo 1 >/proc/sys/kernel/panic) 2>&1 || true';
    const [size, refusal] = await linesOf(script);
    expect(size).toBe('0');
    expect(refusal).toContain('Read-only file system');
  });

  check(title('runs as the user with its groups'), async () => {
    const files = { passwd: 'app:x:1000:1000::/srv:/bin/sh', group: 'x:x:44:app' };
    const lines = await linesOf('id -u; id -g; busybox id -G; grep CapEff /proc/self/status', {
      user: resolveUser(files, 'app', ['77']),
      config: { securityOptions: ['no-new-privileges'] },
    });
    expect(lines).toEqual(['1000', '1000', '1000 44 77', 'CapEff:\t0000000000000000']);
  });

  check(title('with a read-only root can write to its tmpfs and volumes only'), async () => {
    const script =
      'for f in /x /run/x /dev/shm/x; do touch $f 2>/dev/null && echo $f; done; grep " /run " /proc/mounts';
    const lines = await linesOf(script, {
      config: { isReadOnly: true, shmSizeBytes: 2 * MIB },
      mounts: [{ kind: 'tmpfs', target: '/run', isReadOnly: false, options: ['size=1m', 'exec'] }],
    });
    expect(lines.slice(0, 2)).toEqual(['/run/x', '/dev/shm/x']);
    expect(lines[2]).toContain('nosuid,nodev');
    expect(lines[2]).toContain('size=1024k');
    expect(lines[2]).not.toContain('noexec');
  });

  check(title('keeps mounts below a read-only bind read-only too'), async () => {
    const args = ['/bin/sh', '-c', 'touch /data/x; touch /data/below/x; echo done'];
    const spec = buildSpec(specInput({ host, args }));
    await using bundle = await RuntimeBundle.create(path, spec);
    const source = join(bundle.folder, 'source');
    await mkdir(join(source, 'below'), { recursive: true });
    const mounts = [
      {
        kind: 'bind',
        source,
        target: '/data',
        isReadOnly: true,
        propagation: undefined,
        isRecursive: true,
      },
    ] as const;
    const bound = buildSpec(specInput({ host, args, mounts }));
    await writeFile(join(bundle.folder, 'config.json'), formatJson(bound));
    const { stdout, stderr } = await bundle.run(`mount -t tmpfs below ${source}/below`);
    expect(stdout).toBe('done\n');
    expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
  });

  check(title('has the limits that were asked for'), async () => {
    const changes: SpecInputChanges = {
      config: {
        ulimits: [
          { name: 'nofile', soft: 100, hard: 200 },
          { name: 'fsize', soft: -1, hard: -1 },
        ],
        oomScoreAdj: 500,
        sysctls: { 'net.ipv4.ip_default_ttl': '33' },
        resources: { ...NO_RESOURCES, memoryBytes: 64 * MIB, pidsLimit: 50, cpus: 0.5 },
      },
    };
    const limits =
      host.cgroupVersion === 2
        ? 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max'
        : 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes ' +
          'pids/pids.max cpu/cpu.cfs_quota_us';
    const lines = await linesOf(
      `ulimit -n; ulimit -Hn; ulimit -f; cat /proc/self/oom_score_adj; cat /proc/sys/net/ipv4/ip_default_ttl; ${limits}`,
      changes,
    );
    expect(lines.slice(0, 5)).toEqual(['100', '200', 'unlimited', '500', '33']);
    const v1 = [64 * MIB, 128 * MIB, 50, 50_000].map(String);
    const v2 = [`${64 * MIB}`, '50', '50000 100000'];
    expect(lines.slice(5)).toEqual(host.cgroupVersion === 2 ? v2 : v1);
  });

  check(title('can use the devices it was given and no others'), async () => {
    const devices = await lookUpDevices([
      { source: '/dev/zero', target: '/dev/naught', permissions: 'r' },
    ]);
    const script =
      'busybox head -c 3 /dev/naught | busybox wc -c; busybox mknod /kmsg c 1 11; cat /kmsg 2>&1 | busybox head -1';
    const [count, refusal] = await linesOf(script, { devices });
    expect(count).toBe('3');
    expect(refusal).toContain('Operation not permitted');
  });

  check(title('privileged has what the machine can give'), async () => {
    const script = 'grep -E "^(CapEff|Seccomp):" /proc/self/status; touch /sys/x 2>&1 || true';
    const [caps, seccomp, refusal] = await linesOf(script, {
      config: { isPrivileged: true },
      devices: await listDevices(),
    });
    const bits = BigInt(`0x${caps?.split('\t')[1] ?? '0'}`);
    expect(bits.toString(2).split('1').length - 1).toBe(host.knownCapabilities.length);
    expect(seccomp).toBe('Seccomp:\t0');
    // sysfs refuses new files by itself; a read-only mount would say so.
    expect(refusal).not.toContain('Read-only');
  });

  const initCheck = existsSync(INIT) ? check : test.skip;
  const initTitle = existsSync(INIT)
    ? title
    : (text: string) => `${text} (skipped: needs ocup-init)`;

  initCheck(initTitle('with init has it as its first process'), async () => {
    const script = 'cat /proc/1/comm; echo $$';
    const [name, pid] = await linesOf(script, { config: { hasInit: true }, initPath: INIT });
    expect(name).toBe('docker-init');
    expect(pid).not.toBe('1');
  });

  check(title('runs a further process as another user'), async () => {
    const config = { ulimits: [{ name: 'core', soft: 0, hard: -1 }] };
    const spec = buildSpec(specInput({ host, config, args: ['/bin/sleep', '60'] }));
    await using bundle = await RuntimeBundle.create(path, spec);
    const own = buildExecProcess(
      spec,
      {
        command: ['/bin/sh', '-c', 'id -u; echo $A; busybox pwd; ulimit -Hc'],
        environment: { A: '1' },
        workingDir: '/bin',
        hasTty: false,
        isPrivileged: false,
        size: undefined,
      },
      resolveUser({}, '33', []),
      host,
    );
    const file = join(bundle.folder, 'process.json');
    await writeFile(file, formatJson(own));
    const log = join(bundle.folder, 'out');
    const started = await bundle.call(
      ['run', '--detach', '--bundle', bundle.folder, bundle.id],
      `exec >${log} 2>&1 </dev/null`,
    );
    expect(started.code).toBe(0);
    const { stdout } = await bundle.call(['exec', '--process', file, bundle.id]);
    expect(stdout).toBe('33\n1\n/bin\nunlimited\n');
  });
});
