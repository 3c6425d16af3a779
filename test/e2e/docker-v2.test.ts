import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { DOCKER_VALUES } from '../contract/clients/docker-values.ts';
import { writeRootFilesystem } from '../contract/clients/root-filesystem.ts';
import { parseValues } from '../contract/clients/run-client.ts';
import { runInVm, vmObstacle } from '../support/virtual-machine.ts';

const CLIENTS = resolve(import.meta.dirname, '../contract/clients');
const TIME_LIMIT_MS = 500_000;

// Docker looks at its own cgroup for a limit of swap, which the root has none of.
const SCRIPT = `
exec < /dev/null; mkdir /srv/docker
if ! [ -d /run/systemd/system ]; then
  echo +memory > /sys/fs/cgroup/cgroup.subtree_control
  mkdir /sys/fs/cgroup/daemons; echo $$ > /sys/fs/cgroup/daemons/cgroup.procs
fi
KINDS=ocup sh /given/docker.sh /ocup/build/Release/ocup-runtime /srv/docker /given/rootfs > /results/values
cp /srv/docker/*.log /results`;

const WANTED: Readonly<Record<string, string>> = {
  ...DOCKER_VALUES,
  'ocup.limits': '67108864 67108864 50 50000 100000',
  'ocup.updated': '50331648 50331648 44 25000 100000',
};

interface Seen {
  readonly values: Readonly<Record<string, string>>;
  readonly log: string;
}

/** Docker takes systemd's driver of cgroups where systemd runs. */
async function runDocker(hasSystemd: boolean): Promise<Seen> {
  const scratch = await mkdtemp(join(tmpdir(), 'ocup-docker-'));
  try {
    const [given, results] = [join(scratch, 'given'), join(scratch, 'results')];
    for (const folder of [given, results]) await mkdir(folder);
    await copyFile(join(CLIENTS, 'docker.sh'), join(given, 'docker.sh'));
    writeRootFilesystem(join(given, 'rootfs'));
    const options = { hasPeers: true, hasSystemd, given, results };
    const { console } = await runInVm(SCRIPT, TIME_LIMIT_MS, options);
    const read = (name: string): Promise<string> => readFile(join(results, name), 'utf8');
    const log = `${console}${await read('dockerd.log')}${await read('containerd.log')}`;
    return { values: parseValues(await read('values')), log };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

describe.each([
  ['cgroupfs', false],
  ['systemd', true],
])('docker, docker compose and ctr on a pure cgroup v2 kernel, driver %s', (driver, hasSystemd) => {
  const obstacle = vmObstacle({ hasPeers: true, hasSystemd });
  const suite = obstacle === undefined ? describe : describe.skip;

  suite(obstacle ?? 'in a virtual machine', () => {
    let seen: Seen = { values: {}, log: '' };
    beforeAll(async () => {
      seen = await runDocker(hasSystemd);
    }, TIME_LIMIT_MS + 100_000);

    test.each(Object.entries({ ...WANTED, driver: `${driver} 2` }))('%s is %s', (name, wanted) => {
      const value = seen.values[name];
      const log = value === wanted ? '' : seen.log;
      expect({ value, log }).toEqual({ value: wanted, log: '' });
    });
  });
});
