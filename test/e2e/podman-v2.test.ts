import { beforeAll, describe, expect, test } from '@jest/globals';
import { defaultSpec } from '../support/bundle.ts';
import { runInVm, vmObstacle } from '../support/virtual-machine.ts';
import { BOX_SET_UP } from '../support/vm-box.ts';

const AS_ROOT = `
P="podman --runtime $runtime"; RUN="$P run --rm --network none"
value hello $RUN box echo hello
value code $RUN box sh -c 'exit 7'
value missing $RUN box /nowhere
value unfit $RUN box /etc/passwd
value main sh -c "$P run -d --name main --network none --memory 64m --memory-swap 96m --pids-limit 33 --cpus 0.5 \\
  --cpu-shares 512 --health-cmd 'test -e /healthy' --health-interval disable box sleep 1000 > /dev/null"
value exec podman exec -w /tmp -u 1000:1000 -e A=b main sh -c 'echo $PWD $(id -u) $A'
value execcode podman exec main sh -c 'exit 9'
value limits podman exec main sh -c 'cd /sys/fs/cgroup; cat memory.max memory.swap.max pids.max cpu.max cpu.weight'
podman pause main > /dev/null; value paused podman inspect -f '{{.State.Status}}' main
podman unpause main > /dev/null; value unpaused podman inspect -f '{{.State.Status}}' main
value update sh -c 'podman update --memory 128m --cpus 0.25 --pids-limit 44 main > /dev/null'
value updated podman exec main sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max'
value unhealthy podman healthcheck run main
value healthy sh -c 'podman exec main touch /healthy; podman healthcheck run main'
value top podman top main comm
podman stop -t 0 main > /dev/null 2>&1; value wait podman wait main
value rm podman rm main
value oom $P run --name oom --network none --memory 16m --memory-swap 16m box tail /dev/zero
value killed podman inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom
podman rm oom > /dev/null
value pids $RUN --pids-limit 5 box sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; echo all'
value ownns $RUN --cgroupns private box cat /proc/self/cgroup
value hostns $RUN --cgroupns host --cgroup-parent /mine box sh -c 'sed s/[0-9a-f]*$// /proc/self/cgroup'
value conmon $RUN --cgroups no-conmon box cat /proc/self/cgroup
value device $RUN --device /dev/ttyS0 box sh -c ': < /dev/ttyS0 && ls /dev/ttyS0'
value rule $RUN --cap-add MKNOD --device-cgroup-rule 'c 4:64 r' box sh -c \\
  'mknod /s c 4 64; (: < /s) && echo read; (: >> /s) || echo only; mknod /k c 10 183; (: < /k) || echo that'
value privileged $RUN --privileged box sh -c 'mknod /dev/s c 4 64; : <> /dev/s && echo open'
value cgroups find /sys/fs/cgroup -path '*libpod-*'
value states ls /run/ocup-runtime
`;

/** Without root, in a cgroup that has been handed over as systemd does it. */
const DELEGATE = `
echo 'worker:x:1000:1000::/home/worker:/bin/sh' >> /etc/passwd; echo 'worker:x:1000:' >> /etc/group
echo worker:100000:65536 > /etc/subuid; cp /etc/subuid /etc/subgid
session=/sys/fs/cgroup/user/session; mkdir -p $session \${session}2 /run/user/1000 /home/worker /srv/project
echo '+cpu +memory +pids' > /sys/fs/cgroup/cgroup.subtree_control
for folder in /sys/fs/cgroup/user $session \${session}2; do
  chown worker:worker $folder $folder/cgroup.procs $folder/cgroup.subtree_control $folder/cgroup.threads
done
echo '+cpu +memory +pids' > /sys/fs/cgroup/user/cgroup.subtree_control
cp -a /srv/box /home/worker/box; chown -R worker:worker /home/worker /run/user/1000 /srv/project
mkdir -p /home/worker/bundle; mv /home/worker/box /home/worker/bundle/rootfs; chown worker:worker /home/worker/bundle
as_user() { session=$session sh -c 'echo $$ > $session/cgroup.procs; exec setpriv --reuid 1000 --regid 1000 \\
  --init-groups --inh-caps=-all env HOME=/home/worker XDG_RUNTIME_DIR=/run/user/1000 USER=worker "$@"' sh "$@"; }
`;

const AS_USER = `
cat > /home/worker/bundle/config.json <<'X'
${userSpec()}
X
cat > /srv/project/compose.yaml <<'X'
name: mine
x-sysctls: &sysctls { net.ipv4.ping_group_range: "0 65535" }
services:
  web: { image: "rootfs:/home/worker/bundle/rootfs", command: sleep 1000, mem_limit: 48m, cpus: 0.5, pids_limit: 22, network_mode: none, sysctls: *sysctls }
  hog: { image: "rootfs:/home/worker/bundle/rootfs", command: tail /dev/zero, mem_limit: 16m, memswap_limit: 16m, network_mode: none, sysctls: *sysctls, profiles: [hog] }
X
value uruntime as_user sh -c "cd /home/worker/bundle; $runtime run -d small > /dev/null 2>&1 < /dev/null; $runtime state small | grep -o running"
value ulimits sh -c 'cd /sys/fs/cgroup/user/small && cat memory.max pids.max cpu.weight'
value uexec as_user $runtime exec small echo inside
value uupdate as_user sh -c "$runtime update --pids-limit 30 small; cat /sys/fs/cgroup/user/small/pids.max"
value upause as_user sh -c "$runtime pause small; grep frozen /sys/fs/cgroup/user/small/cgroup.events; $runtime resume small"
value udelete as_user sh -c "$runtime delete --force small; ls -d /sys/fs/cgroup/user/small"
cat > /srv/enter.sh <<'X'
mount -t cgroup2 cgroup /sys/fs/cgroup && mkdir /sys/fs/cgroup/leaf && echo $$ > /sys/fs/cgroup/leaf/cgroup.procs
echo '+cpu +memory +pids' > /sys/fs/cgroup/cgroup.subtree_control
export OCUP_DATA_DIR=/home/worker/ocup OCUP_RUN_DIR=/run/user/1000/ocup COMPOSE_PROGRESS=plain; cd /srv/project
ocup up -d > /tmp/up 2>&1; echo "up=$? $(echo $(ocup exec -T web sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max'))"
ocup --profile hog up -d hog > /dev/null 2>&1; ocup wait hog > /dev/null; echo "hog=$?"
ocup --profile hog down > /dev/null 2>&1; echo "down=$?"; cat /tmp/up
X
as_user unshare --user --map-root-user --map-auto --mount --cgroup sh /srv/enter.sh
session=\${session}2; tar -C /srv/box -cf /home/worker/box.tar .
value upodman as_user sh -c "cd; podman import -q box.tar box > /dev/null; podman --runtime $runtime run --rm --network none box sh -c 'id -u; echo hello; exit 3'"
value ulimited as_user sh -c "cd; podman --runtime $runtime run --rm --network none --pids-limit 21 --memory 32m box sh -c 'cd /sys/fs/cgroup; cat pids.max memory.max'"
`;

function userSpec(): string {
  const spec = defaultSpec();
  spec.process.args = ['/bin/sleep', '1000'];
  spec.linux.namespaces.push({ type: 'user' }, { type: 'cgroup' });
  const mapping = [{ containerID: 0, hostID: 1000, size: 1 }];
  Object.assign(spec.linux, { uidMappings: mapping, gidMappings: mapping });
  for (const mount of spec.mounts) {
    mount.options = mount.options?.filter((option) => option !== 'gid=5') ?? [];
  }
  spec.linux.resources['memory'] = { limit: 32 << 20 };
  spec.linux.resources['pids'] = { limit: 20 };
  spec.linux.resources['cpu'] = { shares: 512 };
  return JSON.stringify(spec);
}

const obstacle = vmObstacle({ hasPeers: true });
const suite = obstacle === undefined ? describe : describe.skip;

suite(
  `podman and a user on a pure cgroup v2 kernel (${obstacle ?? 'in a virtual machine'})`,
  () => {
    const values = new Map<string, string>();
    let log = '';

    beforeAll(async () => {
      const script = `${BOX_SET_UP}${AS_ROOT}${DELEGATE}${AS_USER}`;
      ({ console: log } = await runInVm(script, 400_000, { hasPeers: true }));
      for (const [, name = '', value = ''] of log.matchAll(/^(\w+)=(.*)$/gm)) {
        values.set(name, value);
      }
    }, 500_000);

    // Name, and exit code with what was printed: the same as under crun.
    const expectations: readonly (readonly [string, string, string])[] = [
      ['a program runs', 'hello', '0 hello'],
      ['its exit code is handed on', 'code', '7'],
      ['a program that is missing is 127', 'missing', '127'],
      ['one that cannot be run is 126', 'unfit', '126'],
      ['a container with limits starts', 'main', '0'],
      ['exec has a folder, a user and a variable', 'exec', '0 /tmp 1000 b'],
      ['exec hands on the exit code', 'execcode', '9'],
      ['limits hold', 'limits', '0 67108864 33554432 33 50000 100000 59'],
      ['pause is seen', 'paused', '0 paused'],
      ['unpause is seen', 'unpaused', '0 running'],
      ['an update is taken', 'update', '0'],
      ['updated limits hold', 'updated', '0 134217728 44 25000 100000'],
      ['a check of health fails', 'unhealthy', '1 unhealthy'],
      ['a check of health succeeds', 'healthy', '0'],
      ['top shows processes', 'top', '0 COMMAND sleep'],
      ['what is killed is 137', 'wait', '0 137'],
      ['a container is removed', 'rm', '0 main'],
      ['a container over its memory limit is killed', 'oom', '137'],
      ['podman hears of it', 'killed', '0 true 137'],
      ['the limit of processes holds', 'pids', "2 can't fork"],
      ['a cgroup namespace of its own', 'ownns', '0 0::/'],
      ['the host’s cgroup namespace, and a parent', 'hostns', '0 0::/mine/libpod-'],
      ['--cgroups=no-conmon', 'conmon', '0 0::/'],
      ['a device that is given can be used', 'device', '0 /dev/ttyS0'],
      ['a rule about devices holds', 'rule', '0 read only that'],
      ['a privileged container has all devices', 'privileged', '0 open'],
      ['no cgroup is left', 'cgroups', '0'],
      ['no state is left but the cache of filters', 'states', '0 ~seccomp'],
      ['a user runs a container in a delegated cgroup', 'uruntime', '0 running'],
      ['its limits hold', 'ulimits', '0 33554432 20 59'],
      ['a user’s exec', 'uexec', '0 inside'],
      ['a user’s update', 'uupdate', '0 30'],
      ['a user’s pause', 'upause', '0 frozen 1'],
      ['a user’s delete leaves nothing', 'udelete', '2'],
      ['ocup up of a user has limits', 'up', '0 50331648 22 50000 100000'],
      ['a user’s service over its memory limit is killed', 'hog', '137'],
      ['ocup down of a user', 'down', '0'],
      ['podman of a user', 'upodman', '3 0 hello'],
      ['podman of a user with limits', 'ulimited', '0 21 33554432'],
    ];

    test.each(expectations)('%s', (_, name, wanted) => {
      const value = values.get(name);
      expect({ value, log: value === wanted ? '' : log }).toEqual({ value: wanted, log: '' });
    });
  },
);
