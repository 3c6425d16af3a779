import { beforeAll, describe, expect, test } from '@jest/globals';
import { defaultSpec } from '../support/bundle.ts';
import { runInVm, vmObstacle } from '../support/virtual-machine.ts';

const SCRIPT = `
export COMPOSE_PROGRESS=plain
mkdir -p /srv/site && cd /srv && echo 'from v2' > site/index.html
cat > compose.yaml <<'END'
name: v2
services:
  web:
    image: "rootfs:/"
    command: httpd -f -p 80 -h /srv/site
    init: true
    ports: ["8080:80"]
    mem_limit: 64m
    cpus: 0.5
    pids_limit: 50
    healthcheck: { test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"], interval: 1s }
  peer:
    image: "rootfs:/"
    command: sleep 1000
    depends_on: { web: { condition: service_healthy } }
  hog:
    image: "rootfs:/"
    command: sh -c 'tail /dev/zero'
    mem_limit: 16m
    profiles: [hog]
END
value() { echo "$1=$(shift; "$@" 2>/dev/null | tr '\\n' ' ' | sed 's/ $//')"; }
ocup up -d --wait; echo "up=$?"
value memory ocup exec -T web cat /sys/fs/cgroup/memory.max
value cpu ocup exec -T web cat /sys/fs/cgroup/cpu.max
value pids ocup exec -T web cat /sys/fs/cgroup/pids.max
value port wget -q -O - http://127.0.0.1:8080/
value name ocup exec -T peer wget -q -O - http://web/
value device ocup exec -T --privileged web sh -c 'mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg 2>&1 >/dev/null'
ocup --profile hog up -d hog
ocup wait hog; echo "hog=$?"
value paused sh -c 'ocup pause peer && ocup ps --format json peer | grep -o "\\"State\\":\\"[a-z]*\\"" && ocup unpause peer'
ocup --profile hog down; echo "down=$?"
for n in $(seq 30); do [ -e /run/ocup ] || break; sleep 1; done
value cgroups find /sys/fs/cgroup -mindepth 1 -name '*ocup*'
value links sh -c 'ls /sys/class/net'
value mounts sh -c 'grep -c ocup /proc/mounts'
value processes sh -c 'ps -o args | grep -c "[o]cup-"'
value run sh -c 'ls /run'
`;

function specOf(
  script: string,
  namespaces: readonly string[] = [],
  devices: readonly unknown[] = [],
): string {
  const spec = defaultSpec();
  spec.process.args = ['/bin/busybox', 'sh', '-c', script];
  spec.linux.namespaces.push(...namespaces.map((type) => ({ type })));
  spec.linux.resources['memory'] = { limit: 64 << 20 };
  spec.linux.resources['cpu'] = { shares: 512 };
  spec.linux.resources['devices'] = devices;
  return JSON.stringify(spec);
}

const SHOW_CGROUPS = [
  'PATH=/bin; cd /sys/fs/cgroup',
  // The root of the tree alone has no type.
  'test -e cgroup.type && echo own || echo whole',
  'head -n 1 .$(sed s/0:://  /proc/self/cgroup)/cgroup.procs',
  'mkdir x 2>&1 | grep -o Read-only',
].join('; ');

const ALL = { allow: true, access: 'rwm' };
const KMSG = { type: 'c', major: 1, minor: 11 };
const MAKE = 'mknod /dev/other c 1 8; mknod /dev/kmsg c 1 11 || ls /dev/other';
const SERIAL = { type: 'c', major: 4, minor: 64 };
const OPEN = 'mknod /dev/serial c 4 64 && : <> /dev/serial && echo opened';

/** The runtime without the supervisor. */
const RUNTIME_SCRIPT = `
runtime="/ocup/build/Release/ocup-runtime"
bundle=/srv/bundle; mkdir -p $bundle/rootfs && cd $bundle/rootfs && mkdir bin dev proc sys && cp /bin/busybox bin/
for name in sh cat sed head ls mkdir grep mknod test sleep; do ln -s busybox bin/$name; done
cd $bundle; options=$(grep ' /sys/fs/cgroup ' /proc/mounts)
echo '${specOf(SHOW_CGROUPS)}' > config.json; value tree $runtime run tree
echo '${specOf(SHOW_CGROUPS, ['cgroup'])}' > config.json; value namespace $runtime run namespace
echo '${specOf(MAKE, [], [ALL, { ...KMSG, allow: false, access: 'm' }])}' > config.json
value unmade $runtime run unmade
echo '${specOf(
  OPEN,
  [],
  [
    { ...SERIAL, allow: true, access: 'r' },
    { ...SERIAL, allow: true, access: 'w' },
  ],
)}' > config.json
value opened $runtime run opened
[ "$options" = "$(grep ' /sys/fs/cgroup ' /proc/mounts)" ]; echo "options=$?"
echo '${specOf('exec /bin/sleep 1000')}' > config.json
$runtime run -d limits < /dev/null > /dev/null 2>&1
value weight cat /sys/fs/cgroup/limits/cpu.weight
$runtime update --cpu-quota 20000 limits && $runtime update --cpu-period 50000 limits; $runtime update --memory-swap 96M limits
value quota cat /sys/fs/cgroup/limits/cpu.max
value swap cat /sys/fs/cgroup/limits/memory.swap.max
: > /run/ocup-runtime/limits/state.json; $runtime delete --force limits; echo "damaged=$?"
value limits sh -c 'ls -d /sys/fs/cgroup/limits; ps -o args | grep "[s]leep 1000"'
rm -rf /run/ocup-runtime
`;

const obstacle = vmObstacle();
const suite = obstacle === undefined ? describe : describe.skip;

suite(`a pure cgroup v2 kernel (${obstacle ?? 'in a virtual machine'})`, () => {
  const values = new Map<string, string>();
  let log = '';

  beforeAll(async () => {
    const { console: text } = await runInVm(`${SCRIPT}${RUNTIME_SCRIPT}`, 300_000);
    log = text;
    for (const [, name = '', value = ''] of text.matchAll(/^(\w+)=(.*)$/gm))
      values.set(name, value);
  }, 400_000);

  const expectations: readonly (readonly [string, string, string])[] = [
    ['up --wait succeeds', 'up', '0'],
    ['the memory limit holds', 'memory', '67108864'],
    ['the cpu limit holds', 'cpu', '50000 100000'],
    ['the limit of processes holds', 'pids', '50'],
    ['the published port answers', 'port', 'from v2'],
    ['services find each other by name', 'name', 'from v2'],
    ['a service over its memory limit is killed', 'hog', '137'],
    ['pause freezes', 'paused', '"State":"paused"'],
    ['down succeeds', 'down', '0'],
    ['no cgroup is left', 'cgroups', ''],
    ['no interface is left', 'links', 'lo'],
    ['no mount is left', 'mounts', '0'],
    ['no process is left', 'processes', '0'],
    ['no run folder is left', 'run', ''],
    ['without a cgroup namespace the whole tree is there, read-only', 'tree', 'whole 1 Read-only'],
    ['with one it is the container’s own cgroup', 'namespace', 'own 1 Read-only'],
    ['a device that is denied of all cannot be made', 'unmade', '/dev/other'],
    ['one that two rules allow can be read and written', 'opened', 'opened'],
    ['the options of the host’s mount stay', 'options', '0'],
    ['shares become a weight', 'weight', '59'],
    ['an update keeps the one before', 'quota', '20000 50000'],
    ['a limit of swap finds that of memory', 'swap', String(32 << 20)],
    ['a container whose state is damaged is removed', 'damaged', '0'],
    ['its processes and cgroup are gone', 'limits', ''],
  ];

  test.each(expectations)('%s', (_, name, wanted) => {
    expect({ value: values.get(name), log: values.get(name) === wanted ? '' : log }).toEqual({
      value: wanted,
      log: '',
    });
  });

  test('a device that is not allowed cannot be opened', () => {
    expect(values.get('device')).toMatch(/not permitted/);
  });
});
