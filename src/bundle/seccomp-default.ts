import type { SeccompArgument } from '../model/runtime-spec.ts';
import {
  NO_CONDITION,
  type RuleCondition,
  type SeccompProfile,
  type SeccompRule,
} from './seccomp-profile.ts';

/** Calls that every container may make, by what they are about. */
const ALWAYS = {
  files: `
    access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat
    faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat
    fcntl fcntl64 fdatasync flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64
    futimesat getcwd getdents getdents64 ioctl lchown lchown32 link linkat listmount _llseek lseek lstat
    lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 pipe pipe2 pread64
    preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv rename renameat
    renameat2 rmdir sendfile sendfile64 splice stat stat64 statfs statfs64 statmount statx symlink symlinkat
    sync sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat
    utimensat_time64 utimes vmsplice write writev`,
  attributes: `
    fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat
    llistxattr lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat`,
  watches: 'fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch',
  readiness: `
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
    eventfd eventfd2 _newselect poll ppoll ppoll_time64 pselect6 pselect6_time64 select signalfd signalfd4`,
  asynchronousIo: `
    io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioprio_get
    ioprio_set`,
  memory: `
    brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2
    mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free
    pkey_mprotect process_mrelease remap_file_pages`,
  processes: `
    execve execveat exit exit_group fork get_thread_area getcpu getpgid getpgrp getpid getppid getpriority
    getrlimit getrusage getsid gettid pidfd_open pidfd_send_signal prctl prlimit64 restart_syscall
    riscv_hwprobe rseq set_thread_area set_tid_address setpgid setpriority setrlimit setsid times ugetrlimit
    uretprobe vfork wait4 waitid waitpid`,
  scheduling: `
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
    sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr
    sched_setparam sched_setscheduler sched_yield`,
  identity: `
    capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid
    getresgid32 getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
    setgroups setgroups32 setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32
    setuid setuid32`,
  signals: `
    kill pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
    rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn tgkill tkill`,
  locks: `
    futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list set_robust_list`,
  time: `
    adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime
    clock_gettime64 clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time
    timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
    timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64`,
  sockets: `
    accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg
    recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`,
  systemV: `
    ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt
    shmget`,
  messageQueues: `
    mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
    mq_unlink`,
  ownConfinement: 'landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp',
  system: 'getrandom sysinfo uname',
} as const;

/** Calls that a capability opens. */
const BY_CAPABILITY = {
  CAP_BPF: 'bpf',
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_PERFMON: 'perf_event_open',
  CAP_SYSLOG: 'syslog',
  CAP_SYS_ADMIN: `
    bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
    lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl
    quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare`,
  CAP_SYS_BOOT: 'reboot',
  CAP_SYS_CHROOT: 'chroot',
  CAP_SYS_MODULE: 'delete_module finit_module init_module',
  CAP_SYS_NICE: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_PTRACE: 'kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace',
  CAP_SYS_RAWIO: 'ioperm iopl',
  CAP_SYS_TIME: 'clock_settime clock_settime64 settimeofday stime',
  CAP_SYS_TTY_CONFIG: 'vhangup',
} as const;

/** Calls that only some processors have. */
const BY_ARCHITECTURE: readonly (readonly [arches: string, names: string])[] = [
  ['amd64 x32', 'arch_prctl'],
  ['amd64 x32 x86', 'modify_ldt'],
  [
    'arm arm64',
    'arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2',
  ],
  ['ppc64le', 'swapcontext sync_file_range2'],
  ['riscv64', 'riscv_flush_icache'],
  ['s390 s390x', 's390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr'],
];

/**
 * Socket families: all but AF_ALG (38), the kernel's cryptography, and AF_VSOCK (40), which reaches the
 * machine below a virtual one.
 */
const SOCKET_FAMILIES: readonly SeccompArgument[] = [
  { index: 0, op: 'SCMP_CMP_LT', value: 38 },
  { index: 0, op: 'SCMP_CMP_EQ', value: 39 },
  { index: 0, op: 'SCMP_CMP_GT', value: 40 },
];

/** Linux, Linux with 32-bit ids, both with the address space of uname 2.6, and a question. @see personality(2) */
const PERSONALITIES: readonly number[] = [0, 8, 0x20000, 0x20008, 0xffffffff];

/** CLONE_NEW* of mount, cgroup, uts, ipc, user, pid and network namespaces. @see clone(2) */
const NAMESPACE_FLAGS = 0x7e020000;

const ENOSYS = 38;
const S390 = ['s390', 's390x'];
/** Before it a traced process could leave its filter. @see seccomp(2), ptrace caveat */
const SAFE_PTRACE_KERNEL = '4.8';

const FAMILIES: readonly (readonly [string, readonly string[]])[] = [
  ['X86_64', ['X86', 'X32']],
  ['AARCH64', ['ARM']],
  ['MIPS64', ['MIPS', 'MIPS64N32']],
  ['MIPS64N32', ['MIPS', 'MIPS64']],
  ['MIPSEL64', ['MIPSEL', 'MIPSEL64N32']],
  ['MIPSEL64N32', ['MIPSEL', 'MIPSEL64']],
  ['S390X', ['S390']],
  ['RISCV64', []],
  ['LOONGARCH64', []],
];

/** The profile that Docker confines containers with unless another is asked for. */
export const DEFAULT_PROFILE: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: 1,
  architectures: {
    kind: 'map',
    families: FAMILIES.map(([architecture, subArchitectures]) => ({
      architecture: `SCMP_ARCH_${architecture}`,
      subArchitectures: subArchitectures.map((name) => `SCMP_ARCH_${name}`),
    })),
  },
  flags: [],
  listenerPath: undefined,
  listenerMetadata: undefined,
  rules: [
    allow(Object.values(ALWAYS).join(' ')),
    allow('process_vm_readv process_vm_writev ptrace', {
      includes: { minKernel: SAFE_PTRACE_KERNEL },
    }),
    ...SOCKET_FAMILIES.map((arg) => allow('socket', { args: [arg] })),
    ...PERSONALITIES.map((value) =>
      allow('personality', { args: [{ index: 0, op: 'SCMP_CMP_EQ', value }] }),
    ),
    ...BY_ARCHITECTURE.map(([arches, names]) =>
      allow(names, { includes: { arches: arches.split(' ') } }),
    ),
    ...Object.entries(BY_CAPABILITY).map(([cap, names]) =>
      allow(names, { includes: { caps: [cap] } }),
    ),
    // New namespaces need CAP_SYS_ADMIN. On s390 the flags are clone's second argument.
    allow('clone', {
      args: [withoutFlags(0)],
      excludes: { caps: ['CAP_SYS_ADMIN'], arches: S390 },
    }),
    allow('clone', {
      args: [withoutFlags(1)],
      includes: { arches: S390 },
      excludes: { caps: ['CAP_SYS_ADMIN'] },
    }),
    // Its flags are in memory, which a filter cannot see. Told that there is no clone3, libraries use clone.
    {
      ...allow('clone3', { excludes: { caps: ['CAP_SYS_ADMIN'] } }),
      action: 'SCMP_ACT_ERRNO',
      errnoRet: ENOSYS,
    },
  ],
};

interface RuleOptions {
  readonly args?: readonly SeccompArgument[];
  readonly includes?: Partial<RuleCondition>;
  readonly excludes?: Partial<RuleCondition>;
}

function allow(names: string, options: RuleOptions = {}): SeccompRule {
  return {
    names: names.trim().split(/\s+/).sort(),
    action: 'SCMP_ACT_ALLOW',
    errnoRet: undefined,
    args: options.args ?? [],
    includes: { ...NO_CONDITION, ...options.includes },
    excludes: { ...NO_CONDITION, ...options.excludes },
  };
}

function withoutFlags(index: number): SeccompArgument {
  return { index, op: 'SCMP_CMP_MASKED_EQ', value: NAMESPACE_FLAGS, valueTwo: 0 };
}
