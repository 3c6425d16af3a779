import { spawnSync } from 'node:child_process';
import { afterEach, expect } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import type { RuntimeLab } from '../../support/runtime.ts';
import { describeContract, SPEC_1_3 } from './contract.ts';

function ip(command: string): string {
  const { status, stdout, stderr } = spawnSync('ip', command.split(' '), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${command}: ${stderr}`);
  return stdout;
}

/** A pair of links; the first one has addresses. */
function makePair(lab: RuntimeLab): readonly [string, string] {
  const names = [`oa${lab.folder.slice(-6)}`, `ob${lab.folder.slice(-6)}`] as const;
  ip(`link add ${names[0]} type veth peer name ${names[1]}`);
  ip(`link set ${names[0]} mtu 1400 address 02:00:00:00:00:17`);
  ip(`addr add 10.99.0.1/24 dev ${names[0]}`);
  ip(`addr add fd00:99::1/64 dev ${names[0]}`);
  pairs.push(names[1]);
  return names;
}

const pairs: string[] = [];

describeContract('network devices', (must) => {
  afterEach(() => {
    for (const name of pairs.splice(0)) spawnSync('ip', ['link', 'del', name]);
  });

  must(
    'a device moves into the container with its name, addresses and attributes',
    async (lab) => {
      const [name, peer] = makePair(lab);
      const bundle = lab.bundle().script('ip addr show eth7');
      bundle.spec.linux['netDevices'] = { [name]: { name: 'eth7' } };
      const { stdout, stderr } = await lab.run(bundle);
      expect(stderr).toBe('');
      expect(stdout).toContain('mtu 1400');
      expect(stdout).toContain('UP');
      expect(stdout).toContain('02:00:00:00:00:17');
      expect(stdout).toContain('inet 10.99.0.1/24 ');
      expect(stdout).toContain('inet6 fd00:99::1/64 ');
      // The namespace takes its links along, a little after its last process.
      await eventually(() => spawnSync('ip', ['link', 'show', peer]).status !== 0, 10_000);
    },
    { except: SPEC_1_3 },
  );

  must(
    'a container that cannot be made gives its devices back',
    async (lab) => {
      const [name] = makePair(lab);
      const bundle = lab.bundle();
      bundle.spec.process.args = ['/no/such/program'];
      bundle.spec.linux['netDevices'] = { [name]: { name: 'eth7' } };
      expect((await lab.run(bundle)).code).toBe(1);
      const shown = ip(`addr show ${name}`);
      expect(shown).toContain('inet 10.99.0.1/24 ');
      expect(shown).toContain('inet6 fd00:99::1/64 ');
    },
    { except: SPEC_1_3 },
  );

  must(
    'a device that is not there, and one without a namespace to go to, are errors',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.linux['netDevices'] = { nosuchdevice: {} };
      const { code, stderr } = await lab.run(bundle);
      expect([code, stderr]).toEqual([1, expect.stringContaining('nosuchdevice')]);
      bundle.spec.linux.namespaces = bundle.spec.linux.namespaces.filter(
        ({ type }) => type !== 'network',
      );
      expect((await lab.run(bundle)).code).toBe(1);
    },
    { except: SPEC_1_3 },
  );
});
