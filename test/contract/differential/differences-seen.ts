import type { Difference } from './compare.ts';

/** In what a program sees. */
export const MOUNTS_SEEN: readonly Difference[] = [
  {
    peer: 'both',
    facts: /^see\.mount\.\/(sys\/fs\/cgroup|cg)(#2)?\.(options|super)$/,
    only: 'v1',
    reason:
      'the tmpfs that holds the hierarchies is read-only when the mount is: both peers leave it writable; without options it has none',
  },
  {
    peer: 'runc',
    facts: /^see\.mount\.\/sys(\/fs\/cgroup)?\.super$/,
    reason:
      'one sysfs serves a whole network namespace: `ro` holds for the mount alone, as with crun, and never for another container’s',
  },
  {
    peer: 'crun',
    cases: ['user namespace: host network'],
    facts: /^see\.mount\.\/sys\/fs\/cgroup(\/\w+)?\.options$/,
    reason: 'what is below the host’s /sys gets all options of the mount; crun gives it `ro` alone',
  },
  {
    peer: 'crun',
    cases: ['user namespace: devices are bound'],
    facts: /^see\.(mount|tree)\.\/dev\/full/,
    reason: 'a usual device that is given again is bound once',
  },
  {
    peer: 'both',
    facts: /^see\.mount\.\/(t|other)\.super$/,
    cases: ['tmpfs: read-only', 'mount: proc twice'],
    reason: '`ro` is given to the file system too',
  },
  {
    peer: 'crun',
    facts: /^see\.mount\.\/(sys\/fs\/cgroup|cg)(#2|\/\w+)?\.source$/,
    reason: 'the source is a word without meaning; crun writes a path',
  },
  {
    peer: 'runc',
    facts: /^see\.mount\.\/sys\/fs\/cgroup\/systemd\.source$/,
    reason: 'the source is a word without meaning',
  },
  {
    peer: 'runc',
    facts:
      /^see\.mount\.\/(proc\/(keys|timer_list|acpi)|etc\/passwd|dev\/zero|root|sys\/firmware)(#2)?\.(source|type|options|super|root)$/,
    reason:
      'a masked file is the null device of the host, read-only: one that the container could have replaced is never bound; a masked folder is a tmpfs of size 0',
  },
  {
    peer: 'crun',
    facts: /^see\.mount\.\/(proc\/acpi|sys\/firmware|root)(#2)?\.(root|super)$/,
    reason: 'a masked folder is a tmpfs of its own; crun binds an empty folder of its state',
  },
  {
    peer: 'crun',
    facts: /^see\.path\.\/root\.is$/,
    reason: 'a masked folder has the mode of a new tmpfs, as with runc',
  },
  {
    peer: 'both',
    facts: /^see\.(mount\.\/t\/u#2\.options|path\.\/t\/u\.write)$/,
    reason: 'a read-only path is read-only with all that is mounted below it',
  },
  {
    peer: 'crun',
    facts: /^see\.tree\.\/dev\/core$/,
    reason: 'crun alone makes /dev/core, which runtime-spec does not ask for',
  },
  {
    peer: 'both',
    facts: /^see\.tree\.\/dev\/ptmx$/,
    cases: ['mount: no /dev'],
    reason: 'links in /dev are made where /dev is mounted, and the image keeps its own otherwise',
  },
  {
    peer: 'crun',
    facts: /^see\.mount\.\/dev\/(full|null|random|tty|urandom|zero)\.options$/,
    reason:
      'bound devices keep their options; crun forbids nothing more by nosuid and noexec on a device',
  },
  {
    peer: 'crun',
    facts: /^see\.mount\.\/data(\/below)?\.propagation$|^see\.mount\.\/t\.propagation$/,
    reason: 'crun 1.28 makes mounts private after it has set their propagation',
  },
  {
    peer: 'crun',
    cases: ['mount: devpts of no options'],
    facts: /^see\.(mount|tree)\.\/(dev|dev\/pts|dev\/pts\/ptmx|sys)(\.|$)/,
    reason: 'options are those given; crun adds its own to mounts without any',
  },
  {
    peer: 'crun',
    cases: ['mount: sysfs writable'],
    facts: /^see\.mount\.\/sys\.options$/,
    reason: 'options are those given; crun adds its own to mounts without any',
  },
  {
    peer: 'crun',
    cases: ['user namespace: host network'],
    facts: /^see\.mount\.\/sys\.options$/,
    reason: 'the host’s /sys is bound with the options of the mount; crun binds it with `ro` alone',
  },
  {
    peer: 'crun',
    cases: ['bind: rw after ro'],
    reason: 'of two options that contradict each other the last one counts, as with mount(8)',
  },
  { peer: 'crun', cases: ['bind: nosymfollow'], reason: 'crun 1.28 does not know it' },
];

/** In who it is, and what it has been given. */
export const IDENTITY_SEEN: readonly Difference[] = [
  {
    peer: 'both',
    facts: /^see\.cgroup\.file\.devices\/devices\.list$/,
    only: 'v1',
    reason: 'the same rules in another order; crun allows the console by its number too',
  },
  {
    peer: 'runc',
    facts: /^see\.status\.Cap(Bnd|Eff|Prm)$/,
    cases: ['identity: capabilities absent'],
    reason: 'none are given when none are asked for, as with crun; runc leaves all of its own',
  },
  {
    peer: 'both',
    cases: ['identity: capabilities effective beyond permitted'],
    reason: 'the sets are cut to what the kernel can give, and the program runs with less',
  },
  {
    peer: 'crun',
    facts: /^see\.status\.Cap/,
    cases: ['identity: capability in small letters'],
    reason: 'the specification’s names are in capitals',
  },
  {
    peer: 'crun',
    facts: /^see\.status\.Umask$/,
    cases: ['identity: user absent'],
    reason: 'the umask is 0022 without a user too, as with runc',
  },
  {
    peer: 'runc',
    facts: /^see\.env\.HOME$/,
    cases: ['process: env absent', 'process: env with an empty HOME', 'bind: file onto a file'],
    reason:
      'HOME is set whenever it is absent, kept whenever it is given, and / for who is not in /etc/passwd',
  },
  {
    peer: 'both',
    cases: ['process: env without a value', 'process: env without a name'],
    reason: 'what execve takes is handed on as it is; runc refuses it, crun leaves it out',
  },
  {
    peer: 'crun',
    facts: /^see\.(mount\.\/dev\/console\.|session\.terminalSize|tree\.\/dev\/console)/,
    cases: ['process: terminal'],
    reason:
      'as with runc: /dev/console is a bind of the terminal, whose size is that of the caller’s',
  },
  {
    peer: 'runc',
    facts: /^see\.session\.terminalSize$/,
    cases: ['process: terminal'],
    isChance: true,
    reason: 'runc gives the terminal its caller’s size a moment after the program has started',
  },
  {
    peer: 'crun',
    facts: /^see\.status\.Cap/,
    cases: ['exec: capability'],
    reason: '--cap adds to what the container has, as with runc; crun replaces it',
  },
  {
    peer: 'both',
    facts: /^see\.session\.oomScoreAdj$/,
    cases: ['exec: from a file with everything'],
    reason: 'the file’s oomScoreAdj counts; the peers ignore it in exec',
  },
  {
    peer: 'crun',
    facts: /^see\.(session\.oomScoreAdj|limit\.NOFILE|status\.NoNewPrivs)$/,
    cases: ['exec: with limits of the container'],
    reason: 'a further process has the limits of the container, as with runc',
  },
];
