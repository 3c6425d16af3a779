import { formatBytes } from '../base/units.ts';
import { formatPlatform } from '../model/platform.ts';
import type { CgroupController } from '../model/spec-host.ts';
import type { HostFacts } from './facts.ts';

/** What the machine has or lacks, in a sentence, and what to do about it. */
export interface Finding {
  readonly name: string;
  /** `problem`: containers do not run; `warning`: something of what a compose file may ask for does not work. */
  readonly status: 'ok' | 'warning' | 'problem';
  readonly message: string;
  /** One imperative sentence; undefined where all is well. */
  readonly remedy: string | undefined;
}

/** Judges the facts, always in the same order. Pure. */
export function examine(facts: HostFacts): Finding[] {
  return EXAMINATIONS.map(([name, judge]) => ({ name, ...judge(facts) }));
}

type Judgement = Omit<Finding, 'name'>;

const EXAMINATIONS: readonly (readonly [name: string, judge: (facts: HostFacts) => Judgement])[] = [
  ['kernel', judgeKernel],
  ['programs', judgePrograms],
  ['privileges', judgePrivileges],
  ['limits', judgeLimits],
  ['namespaces', judgeNamespaces],
  ['control groups', judgeCgroups],
  ['overlay', judgeOverlay],
  ['seccomp', judgeSeccomp],
  ['firewall', judgeFirewall],
  ['low ports', judgePorts],
  ['disk', judgeDisk],
];

function ok(message: string): Judgement {
  return { status: 'ok', message, remedy: undefined };
}

function warning(message: string, remedy: string): Judgement {
  return { status: 'warning', message, remedy };
}

function problem(message: string, remedy: string): Judgement {
  return { status: 'problem', message, remedy };
}

/** mount_setattr(2), by which ocup-runtime makes mounts read-only with all below them. */
const MIN_KERNEL = { major: 5, minor: 12 };

function judgeKernel({ kernelVersion, platform }: HostFacts): Judgement {
  const [major = 0, minor = 0] = kernelVersion.split('.').map((part) => Number.parseInt(part, 10));
  const { major: needed, minor: neededMinor } = MIN_KERNEL;
  const isEnough = major > needed || (major === needed && minor >= neededMinor);
  const here = `Linux ${kernelVersion}, ${formatPlatform(platform)}`;
  if (isEnough) return ok(here);
  return problem(
    `${here}: ocup-runtime needs ${needed}.${neededMinor}`,
    'Use a newer kernel, or set OCUP_RUNTIME to another OCI runtime.',
  );
}

function judgePrograms({ missingPrograms }: HostFacts): Judgement {
  if (missingPrograms.length === 0) return ok('ocup-runtime, ocup-shim and ocup-init are built');
  return problem(
    `missing: ${missingPrograms.join(', ')}`,
    'Run npm run build:native in the folder of ocup.',
  );
}

/** Without these nothing can be set up. */
const NEEDED_CAPABILITIES = [
  ...['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_KILL', 'CAP_NET_ADMIN', 'CAP_SETGID'],
  ...['CAP_SETPCAP', 'CAP_SETUID', 'CAP_SYS_ADMIN', 'CAP_SYS_CHROOT', 'CAP_SYS_PTRACE'],
];

function judgePrivileges({ privileges, rootless }: HostFacts): Judgement {
  const { uid, capabilities, isInUserNamespace, userIds } = privileges;
  if (uid !== 0) return judgeUser(rootless);
  const missing = NEEDED_CAPABILITIES.filter((name) => !capabilities.includes(name));
  if (missing.length > 0) {
    return problem(
      `root without ${missing.join(', ')}`,
      'Start ocup with these capabilities; in a container, make it privileged.',
    );
  }
  if (!isInUserNamespace) return ok('root');
  if (userIds >= USUAL_IDS) return ok(`root of a user namespace with ${userIds} ids`);
  const isReady =
    rootless.hasIdMappers && Math.min(rootless.subUids, rootless.subGids) >= USUAL_IDS;
  return warning(
    `root of a user namespace with ${userIds} ids: images that change users do not work`,
    isReady
      ? 'Map the ids of /etc/subuid and /etc/subgid into the namespace.'
      : 'Install the package uidmap, and add 65536 ids to /etc/subuid and /etc/subgid.',
  );
}

/** As many as images count on: 0 to 65535. */
const USUAL_IDS = 65_536;

function judgeUser({ maxUserNamespaces, forbiddenBy }: HostFacts['rootless']): Judgement {
  const obstacle = maxUserNamespaces === 0 ? 'user.max_user_namespaces=0' : forbiddenBy;
  if (obstacle !== undefined) {
    return problem(
      `not root, and user namespaces are forbidden by ${obstacle}`,
      'Run ocup as root, or have root change that sysctl.',
    );
  }
  return problem(
    'not root',
    'Run ocup as root, or as root of a user namespace with mounts and a network of its own.',
  );
}

function judgeLimits({ privileges }: HostFacts): Judgement {
  const files = privileges.limits['nofile']?.hard ?? -1;
  if (privileges.capabilities.includes('CAP_SYS_RESOURCE')) return ok('can be raised');
  const text = files < 0 ? 'without limit' : `at most ${files}`;
  return warning(
    `cannot be raised beyond what ocup was started with (open files ${text})`,
    'Start ocup with CAP_SYS_RESOURCE where services ask for more by ulimits.',
  );
}

function judgeNamespaces({ namespaces }: HostFacts): Judgement {
  const missing = ['mnt', 'net', 'pid', 'ipc', 'uts'].filter((name) => !namespaces.includes(name));
  if (missing.length === 0) return ok(namespaces.join(', '));
  return problem(
    `the kernel lacks namespaces of type ${missing.join(', ')}`,
    'Use a kernel with CONFIG_NAMESPACES and all below it.',
  );
}

const LIMITED: Readonly<Record<CgroupController, string>> = {
  cpu: 'CPU time',
  cpuset: 'processors',
  memory: 'memory',
  pids: 'the number of processes',
  blkio: 'block I/O',
};

function judgeCgroups({ cgroups }: HostFacts): Judgement {
  const { layout, controllers } = cgroups;
  const limited = new Set(controllers);
  const missing = Object.entries(LIMITED).filter(
    ([name]) => !controllers.some((own) => own === name),
  );
  if (missing.length === 0 && cgroups.hasSwapLimit) return ok(`${layout}, all controllers`);
  if (missing.length === 0) {
    return warning(
      `${layout}, swap cannot be limited`,
      'Boot with swapaccount=1 where services limit swap.',
    );
  }
  const what = missing.map(([, text]) => text).join(', ');
  return warning(
    limited.size === 0
      ? `${layout}: no resource can be limited`
      : `${layout}: ${what} cannot be limited`,
    layout === 'none'
      ? 'Mount cgroup2 on /sys/fs/cgroup.'
      : `Give ocup the controllers ${missing.map(([name]) => name).join(', ')}.`,
  );
}

function judgeOverlay({ hasOverlay, dataDir }: HostFacts): Judgement {
  if (!hasOverlay) {
    return problem('the kernel has no overlay file system', 'Load the kernel module overlay.');
  }
  if (dataDir.isOnOverlay) {
    return problem(
      `${dataDir.path} is on an overlay file system, which cannot hold another one`,
      'Set OCUP_DATA_DIR to a folder on a disk or a volume.',
    );
  }
  return ok('available');
}

function judgeSeccomp({ hasSeccomp }: HostFacts): Judgement {
  if (hasSeccomp) return ok('available');
  return warning(
    'system calls of containers are not filtered',
    'Use a kernel with CONFIG_SECCOMP_FILTER.',
  );
}

function judgeFirewall({ firewallProblem, isForwarding }: HostFacts): Judgement {
  if (firewallProblem !== undefined) {
    return warning(
      `${firewallProblem}: containers have no way out, and ports are forwarded by a process`,
      'Install libnftables1, and load the kernel module nf_tables.',
    );
  }
  return ok(
    isForwarding ? 'nftables works' : 'nftables works; forwarding is switched on when needed',
  );
}

function judgePorts({ privileges, unprivilegedPortStart }: HostFacts): Judgement {
  const hasRight = privileges.capabilities.includes('CAP_NET_BIND_SERVICE');
  if ((hasRight && !privileges.isInUserNamespace) || unprivilegedPortStart <= 80) {
    return ok('can be published');
  }
  return warning(
    `ports below ${unprivilegedPortStart} cannot be published`,
    'Have root run sysctl net.ipv4.ip_unprivileged_port_start=80, or publish higher ports.',
  );
}

const FEW_BYTES = 1_000_000_000;
const TOO_FEW_BYTES = 100_000_000;
const FEW_FILES = 50_000;

function judgeDisk({ dataDir }: HostFacts): Judgement {
  const { path, freeBytes, freeFiles } = dataDir;
  if (freeBytes === undefined) {
    return problem(`cannot look at ${path}`, 'Set OCUP_DATA_DIR to a folder that exists.');
  }
  const message = `${formatBytes(freeBytes)} free for ${path}`;
  const remedy = 'Run ocup image prune, or set OCUP_DATA_DIR to a larger disk.';
  if (freeBytes < TOO_FEW_BYTES) return problem(message, remedy);
  if (freeBytes < FEW_BYTES) return warning(message, remedy);
  if (freeFiles !== undefined && freeFiles < FEW_FILES) {
    return warning(`only ${freeFiles} files can still be made in ${path}`, remedy);
  }
  return ok(message);
}
