import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { TestBundle } from '../../support/bundle.ts';
import { describeContract, LACKS_IDMAP } from './contract.ts';

/** A folder with files of the owners 1000 and 2000, outside of the root file system. */
function makeSource(bundle: TestBundle): string {
  const source = join(bundle.folder, 'source');
  mkdirSync(join(source, 'below'), { recursive: true });
  for (const owner of [1000, 2000]) {
    writeFileSync(join(source, `of-${owner}`), 'text');
    chownSync(join(source, `of-${owner}`), owner, owner);
  }
  chmodSync(source, 0o777);
  return source;
}

const SHOW = 'stat -c "%n %u %g" /mapped/of-1000 /mapped/of-2000';

describeContract('id-mapped mounts', (must) => {
  must(
    'a mount with mappings of its own shows its files with mapped ids',
    async (lab) => {
      const bundle = lab.bundle().script(`${SHOW}; touch /mapped/made; stat -c %u /mapped/made`);
      const source = makeSource(bundle);
      chownSync(source, 1000, 1000);
      bundle.spec.mounts.push({
        destination: '/mapped',
        type: 'bind',
        source,
        options: ['bind', 'idmap'],
        uidMappings: [
          { containerID: 1000, hostID: 0, size: 1 },
          { containerID: 2000, hostID: 55, size: 1 },
        ],
        gidMappings: [
          { containerID: 1000, hostID: 0, size: 1 },
          { containerID: 2000, hostID: 66, size: 1 },
        ],
      });
      const { stdout, stderr } = await lab.run(bundle);
      expect([stderr, stdout]).toEqual(['', '/mapped/of-1000 0 0\n/mapped/of-2000 55 66\n0\n']);
      expect(statSync(join(source, 'made')).uid).toBe(1000);
    },
    { except: LACKS_IDMAP },
  );

  must(
    'without mappings of its own a mount gets those of the container’s user namespace',
    async (lab) => {
      const bundle = lab.bundle().script(`${SHOW}; touch /mapped/made`);
      const source = makeSource(bundle);
      bundle.namespaces('user');
      const mapping = [{ containerID: 0, hostID: 100000, size: 65536 }];
      bundle.spec.linux['uidMappings'] = mapping;
      bundle.spec.linux['gidMappings'] = mapping;
      bundle.chownTo(100000);
      bundle.spec.mounts.push({
        destination: '/mapped',
        type: 'bind',
        source,
        options: ['rbind', 'ridmap'],
      });
      const { stdout, stderr } = await lab.run(bundle);
      expect([stderr, stdout]).toEqual([
        '',
        '/mapped/of-1000 1000 1000\n/mapped/of-2000 2000 2000\n',
      ]);
      expect(statSync(join(source, 'made')).uid).toBe(0);
    },
    { except: LACKS_IDMAP },
  );

  must(
    'a mapping without anything to map by is refused',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.mounts.push({
        destination: '/mapped',
        type: 'bind',
        source: makeSource(bundle),
        options: ['bind', 'idmap'],
      });
      const { code, stderr } = await lab.run(bundle);
      expect(code).toBe(1);
      expect(stderr).toContain('mapped');
    },
    { except: LACKS_IDMAP },
  );

  must(
    'only bind mounts can be mapped',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.mounts.push({
        destination: '/mapped',
        type: 'proc',
        source: 'proc',
        uidMappings: [{ containerID: 0, hostID: 5, size: 1 }],
        gidMappings: [{ containerID: 0, hostID: 5, size: 1 }],
      });
      expect((await lab.run(bundle)).code).toBe(1);
    },
    { except: LACKS_IDMAP },
  );
});
