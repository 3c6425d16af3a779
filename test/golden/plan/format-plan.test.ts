import { join } from 'node:path';
import { describe, test } from '@jest/globals';
import { LABEL } from '../../../src/model/labels.ts';
import type { Project } from '../../../src/model/project.ts';
import { formatPlan } from '../../../src/plan/format-plan.ts';
import { imageKey, type ObservedState } from '../../../src/plan/observed.ts';
import { planDown } from '../../../src/plan/plan-down.ts';
import { planUp } from '../../../src/plan/plan-up.ts';
import { defaultUpOptions, type UpOptions } from '../../../src/plan/up-options.ts';
import { expectGolden } from '../../support/golden.ts';
import {
  container,
  containerConfig,
  hashOf,
  project,
  service,
  volumeConfig,
} from '../../support/project-values.ts';
import { carryOut } from '../../support/simulated-world.ts';

const OPTIONS = defaultUpOptions({ version: '0.1.0', nowMs: 0 });
const NOTHING: ObservedState = { containers: [], networks: [], volumes: [], images: new Map() };
const DATA = {
  kind: 'volume' as const,
  volume: 'app_data',
  target: '/var/lib/postgresql/data',
  isReadOnly: false,
  noCopy: false,
  subpath: undefined,
};

const shop = shopOf({ FOO: '1' });

function shopOf(environment: Record<string, string>): Project {
  return project(
    [
      service('cache', { container: { image: 'redis:7' } }),
      service('db', { container: { image: 'postgres:17', mounts: [DATA], environment } }),
      service('migrate', {
        container: { image: 'shop:1' },
        dependsOn: [{ service: 'db', condition: 'service_healthy' }],
      }),
      service('web', {
        container: { image: 'shop:1' },
        scale: 2,
        dependsOn: [
          'cache',
          { service: 'migrate', condition: 'service_completed_successfully' },
          { service: 'db', condition: 'service_healthy' },
        ],
      }),
    ],
    { volumes: [{ key: 'data', isExternal: false, config: volumeConfig('app_data') }] },
  );
}

const registry = new Map(
  shop.services.map(({ container: { image, platform } }) => [
    imageKey(image, platform),
    `sha256:${hashOf(image)}`,
  ]),
);
const running = carryOut(planUp(shop, NOTHING, OPTIONS), NOTHING, registry);
const orphan = container({
  config: containerConfig({
    name: 'app-old-1',
    labels: { [LABEL.project]: 'app', [LABEL.service]: 'old', [LABEL.containerNumber]: '1' },
  }),
});

function up(from: Project, observed: ObservedState, changes: Partial<UpOptions> = {}): string {
  return formatPlan(planUp(from, observed, { ...OPTIONS, ...changes }));
}

const down = { services: [], volumes: false, removeOrphans: false, timeoutMs: undefined };

const SCENARIOS: Record<string, () => string> = {
  'first-up': () => up(shop, NOTHING),
  'nothing-to-do': () => up(shop, running),
  'changed-environment': () => up(shopOf({ FOO: '2', BAR: '1' }), running),
  'scale-down': () => up(shop, running, { scale: { web: 1 } }),
  'pull-always': () => up(shop, running, { pull: 'always' }),
  'orphan-warned': () => up(shop, { ...running, containers: [...running.containers, orphan] }),
  'orphan-removed': () =>
    up(
      shop,
      { ...running, containers: [...running.containers, orphan] },
      { orphans: 'remove' },
    ),
  'no-start': () => up(shop, NOTHING, { start: false }),
  down: () =>
    formatPlan(planDown('app', shop, { observed: running, options: { ...down, images: 'none' } })),
  'down-volumes-images': () =>
    formatPlan(
      planDown('app', shop, {
        observed: running,
        options: { ...down, volumes: true, images: 'all' },
      }),
    ),
  'down-nothing': () =>
    formatPlan(planDown('app', shop, { observed: NOTHING, options: { ...down, images: 'none' } })),
};

describe('formatPlan', () => {
  for (const [name, make] of Object.entries(SCENARIOS)) {
    test(`${name} must read as its golden file`, () => {
      expectGolden(join(import.meta.dirname, `${name}.txt`), make());
    });
  }
});
