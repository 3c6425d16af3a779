import { beforeAll, describe, expect, test } from '@jest/globals';
import { defaultSpec } from '../support/bundle.ts';
import { runInVm, vmObstacle } from '../support/virtual-machine.ts';
import { BOX_SET_UP } from '../support/vm-box.ts';

// A limit that systemd has not been told of is lost when systemd writes its own: after a reload at the latest.
const RUNTIME = `
mkdir -p /srv/bundle; mv /srv/box /srv/bundle/rootfs; cd /srv/bundle; R="$runtime --systemd-cgroup"
cat > config.json <<'X'
${scopeSpec()}
X
tree=/sys/fs/cgroup/trial.slice/trial-inner.slice/ocup-one.scope
limits() { cat $tree/memory.max $tree/pids.max $tree/cpu.max $tree/cpu.weight; }
value run sh -c "$R run -d one > /dev/null 2>&1; $R state one | grep -o running"
value cgroup sh -c "$R exec one cat /proc/self/cgroup"
unit() { systemctl show $1 -p MemoryMax,TasksMax,CPUQuotaPerSecUSec,CPUWeight,Slice | sort; }
value unit unit ocup-one.scope
value limits limits
systemctl daemon-reload; value reloaded limits
value update $R update --memory 67108864 --memory-swap 134217728 --pids-limit 44 --cpu-quota 25000 --cpu-period 100000 one
systemctl daemon-reload; value updated limits; value updatedunit unit ocup-one.scope
value device $R exec one sh -c 'echo x > /dev/null && echo null; (: < /kvm) || echo denied'
value pause sh -c "$R pause one; grep frozen $tree/cgroup.events; $R resume one"
value delete $R delete --force one
value gone sh -c "ls -d $tree; systemctl is-active ocup-one.scope"
`;

const PODMAN = `
cd /; P="podman --cgroup-manager systemd --runtime $runtime"
value podman sh -c "$P run -d --name main --network none --memory 64m --pids-limit 33 --cpus 0.5 box sleep 1000 > /dev/null"
value podmanunit unit libpod-$(podman inspect -f '{{.Id}}' main).scope
value podmanexec $P exec main sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max'
value podmanupdate sh -c "$P update --memory 128m --pids-limit 44 main > /dev/null"
systemctl daemon-reload
value podmanupdated $P exec main sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max'
value podmanrm $P rm -f -t 0 main
value podmanoom $P run --name oom --network none --memory 16m --memory-swap 16m box tail /dev/zero
value podmankilled $P inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom
value podmanend $P rm oom
value podmanleft sh -c "systemctl list-units --all --no-legend 'libpod-*'; find /sys/fs/cgroup -name 'libpod-*'"
`;

function scopeSpec(): string {
  const spec = defaultSpec();
  spec.process.args = ['/bin/sleep', '1000'];
  spec.linux.cgroupsPath = 'trial-inner.slice:ocup:one';
  Object.assign(spec.linux.resources, {
    memory: { limit: 32 << 20, swap: 64 << 20 },
    pids: { limit: 20 },
    cpu: { shares: 512, quota: 50_000, period: 100_000 },
    devices: [{ allow: false, access: 'rwm' }],
  });
  return JSON.stringify(spec);
}

const obstacle = vmObstacle({ hasPeers: true, hasSystemd: true });
const suite = obstacle === undefined ? describe : describe.skip;

suite(
  `the systemd cgroup driver on a pure v2 kernel (${obstacle ?? 'in a virtual machine'})`,
  () => {
    const values = new Map<string, string>();
    let log = '';

    beforeAll(async () => {
      const script = `${BOX_SET_UP}mknod /srv/box/kvm c 10 232\n${RUNTIME}${PODMAN}`;
      const options = { hasPeers: true, hasSystemd: true };
      ({ console: log } = await runInVm(script, 300_000, options));
      for (const [, name = '', value = ''] of log.matchAll(/^(\w+)=(.*)$/gm)) {
        values.set(name, value);
      }
    }, 400_000);

    // Name, and exit code with what was printed.
    const expectations: readonly (readonly [string, string, string])[] = [
      ['a container runs', 'run', '0 running'],
      ['it lives in a scope', 'cgroup', '0 0::/trial.slice/trial-inner.slice/ocup-one.scope'],
      [
        'the scope has the limits',
        'unit',
        '0 CPUQuotaPerSecUSec=500ms CPUWeight=59 MemoryMax=33554432 Slice=trial-inner.slice TasksMax=20',
      ],
      ['limits hold', 'limits', '0 33554432 20 50000 100000 59'],
      ['limits hold after a reload', 'reloaded', '0 33554432 20 50000 100000 59'],
      ['an update is taken', 'update', '0'],
      ['updated limits hold after a reload', 'updated', '0 67108864 44 25000 100000 59'],
      [
        'the scope has them too',
        'updatedunit',
        '0 CPUQuotaPerSecUSec=250ms CPUWeight=59 MemoryMax=67108864 Slice=trial-inner.slice TasksMax=44',
      ],
      ['rules about devices hold after a reload', 'device', '0 null denied'],
      ['a container is paused', 'pause', '0 frozen 1'],
      ['a container is deleted', 'delete', '0'],
      ['its scope is gone', 'gone', '4 inactive'],
      ['podman runs a container', 'podman', '0'],
      [
        'its scope has the limits',
        'podmanunit',
        '0 CPUQuotaPerSecUSec=500ms CPUWeight=[not set] MemoryMax=67108864 Slice=machine.slice TasksMax=33',
      ],
      ['its limits hold', 'podmanexec', '0 67108864 33 50000 100000'],
      ['podman’s update is taken', 'podmanupdate', '0'],
      ['what podman has updated holds after a reload', 'podmanupdated', '0 134217728 44'],
      ['podman removes it', 'podmanrm', '0 main'],
      ['a container over its memory limit is killed', 'podmanoom', '137'],
      ['podman hears of it', 'podmankilled', '0 true 137'],
      ['podman removes that one', 'podmanend', '0 oom'],
      ['no unit and no cgroup is left', 'podmanleft', '0'],
    ];

    test.each(expectations)('%s', (_, name, wanted) => {
      const value = values.get(name);
      expect({ value, log: value === wanted ? '' : log }).toEqual({ value: wanted, log: '' });
    });
  },
);
