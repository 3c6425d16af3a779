import { describe, expect, test } from '@jest/globals';
import { isOcupError } from '../../../src/base/errors.ts';
import { UNKNOWN_EXIT } from '../../../src/model/container.ts';
import { LABEL } from '../../../src/model/labels.ts';
import type { Project, Service } from '../../../src/model/project.ts';
import { hasChanges, type Plan } from '../../../src/plan/action.ts';
import { imageKey, type ObservedState } from '../../../src/plan/observed.ts';
import { decisivePulls, planUp } from '../../../src/plan/plan-up.ts';
import { defaultUpOptions, type UpOptions } from '../../../src/plan/up-options.ts';
import {
  container,
  containerConfig,
  endpoint,
  hashOf,
  networkConfig,
  project,
  service,
  volumeConfig,
} from '../../support/project-values.ts';
import { carryOut } from '../../support/simulated-world.ts';

const OPTIONS = defaultUpOptions({ version: '0.1.0', nowMs: 1_000_000 });
const NOTHING: ObservedState = { containers: [], networks: [], volumes: [], images: new Map() };

const web = service('web', {
  container: { environment: { FOO: '1' } },
  dependsOn: [{ service: 'db', condition: 'service_healthy' }],
});
const db = service('db', { container: { image: 'postgres:17' } });
const cache = service('cache', { container: { image: 'redis:7' } });
const app = project([cache, db, web]);

function registryOf(from: Project): Map<string, string> {
  return new Map(
    from.services.map(({ container: { image, platform } }) => [
      imageKey(image, platform),
      `sha256:${hashOf(image)}`,
    ]),
  );
}

/** The state after a first `up`. */
function upState(from: Project = app, options: UpOptions = OPTIONS): ObservedState {
  return carryOut(planUp(from, NOTHING, options), NOTHING, registryOf(from));
}

function changed(changes: Partial<Service>, name = 'db'): Project {
  return {
    ...app,
    services: app.services.map((item) => (item.name === name ? { ...item, ...changes } : item)),
  };
}

const dbChanged = changed(
  service('db', { container: { image: 'postgres:17', environment: { FOO: '2' } } }),
);

/** `web` follows `db`, `cache` follows `web`. */
function following(from: Project): Project {
  const follow = (item: Service, service: string): Service => ({
    ...item,
    dependsOn: [{ service, condition: 'service_healthy', isRequired: true, restart: true }],
  });
  const [first, second, third] = [cache, db, web].map(
    (item) => from.services.find((other) => other.name === item.name) ?? item,
  ) as [Service, Service, Service];
  return { ...from, services: [follow(first, 'web'), second, follow(third, 'db')] };
}

function plan(from: Project, observed: ObservedState, changes: Partial<UpOptions> = {}): Plan {
  return planUp(from, observed, { ...OPTIONS, ...changes });
}

function ids(of: Plan, kind: string): string[] {
  return of.actions.filter((item) => item.kind === kind).map((item) => item.id);
}

function causeOf(of: Plan, id: string): string | undefined {
  return of.actions.find((item) => item.id === id)?.cause;
}

describe('planUp', () => {
  test('tells a container that is between two starts from one that runs', () => {
    const before = upState();
    const containers = before.containers.map((item) =>
      container({ ...item, state: 'restarting', exit: { ...UNKNOWN_EXIT, code: 4, at: '' } }),
    );
    expect(causeOf(plan(app, { ...before, containers }), 'container.keep app-db-1')).toBe(
      'about to be started again after code 4',
    );
  });

  test('has nothing to do when all runs as the project says', () => {
    const again = plan(app, upState());
    expect(hasChanges(again)).toBe(false);
    expect(ids(again, 'container.keep')).toHaveLength(3);
  });

  test('replaces a changed service and leaves its dependants alone', () => {
    const after = plan(dbChanged, upState());
    expect(ids(after, 'container.replace')).toEqual(['container.replace app-db-1']);
    expect(ids(after, 'container.keep').sort()).toEqual([
      'container.keep app-cache-1',
      'container.keep app-web-1',
    ]);
    expect(causeOf(after, 'container.replace app-db-1')).toBe(
      'config hash diverged: environment.FOO',
    );
  });

  describe('a dependant that asks to be restarted', () => {
    const after = plan(following(dbChanged), upState());
    const find = (id: string) => after.actions.find((item) => item.id === id);

    test('is restarted, not replaced, and so is what follows it', () => {
      expect(ids(after, 'container.replace')).toEqual(['container.replace app-db-1']);
      expect(causeOf(after, 'container.stop app-web-1')).toBe('dependency db is recreated');
      expect(causeOf(after, 'container.start app-web-1')).toBe('dependency db is recreated');
      expect(causeOf(after, 'container.stop app-cache-1')).toBe('dependency web is restarted');
    });

    test('ends before what it depends on, and begins after it', () => {
      const before = (id: string) => find(id)?.dependsOn.map((edge) => edge.action);
      expect(before('container.replace app-db-1')).toContain('container.stop app-web-1');
      expect(before('container.stop app-web-1')).toContain('container.stop app-cache-1');
      expect(before('container.start app-cache-1')).toContain('container.start app-web-1');
      expect(find('container.start app-web-1')?.dependsOn).toContainEqual({
        action: 'container.start app-db-1',
        condition: {
          kind: 'service_healthy',
          service: 'db',
          container: 'app-db-1',
          isRequired: true,
        },
      });
    });

    test('stays when nothing is to be started', () => {
      const made = plan(following(dbChanged), upState(), { start: false });
      expect(ids(made, 'container.stop')).toEqual([]);
    });
  });

  test('makes the new container under a temporary name that tells what it replaces', () => {
    const before = upState();
    const create = plan(dbChanged, before).actions.find(
      (item) => item.id === 'container.create app-db-1',
    );
    const old = before.containers.find((item) => item.config.name === 'app-db-1');
    expect(create).toMatchObject({
      finalName: 'app-db-1',
      inheritVolumesOf: old?.id,
      config: { name: `${old?.id.slice(0, 12)}_app-db-1`, labels: { [LABEL.replace]: 'app-db-1' } },
    });
  });

  test('takes new anonymous volumes where they shall be renewed', () => {
    const after = plan(dbChanged, upState(), { renewVolumes: true });
    expect(after.actions.find((item) => item.kind === 'container.create')).toMatchObject({
      inheritVolumesOf: undefined,
    });
  });

  test('starts what does not run, without replacing it', () => {
    const before = upState();
    const stopped = {
      ...before,
      containers: before.containers.map((item) =>
        item.config.name === 'app-db-1' ? { ...item, state: 'exited' as const } : item,
      ),
    };
    const after = plan(app, stopped);
    expect(ids(after, 'container.start')).toEqual(['container.start app-db-1']);
    expect(causeOf(after, 'container.start app-db-1')).toBe('not running');
    expect(ids(after, 'container.replace')).toEqual([]);
  });

  test('names both digests when an image has changed under its name', () => {
    const before = upState();
    const images = new Map(before.images).set('redis:7', {
      status: 'present',
      id: `sha256:${'b'.repeat(64)}`,
      taggedAtMs: 0,
    });
    const after = plan(app, { ...before, images });
    expect(causeOf(after, 'container.replace app-cache-1')).toBe(
      `image digest sha256:${hashOf('redis:7').slice(0, 12)} → sha256:bbbbbbbbbbbb`,
    );
  });

  test('--force-recreate replaces what was named, --no-recreate nothing', () => {
    const forced = plan(app, upState(), { services: ['web'], recreate: 'force' });
    expect(ids(forced, 'container.replace')).toEqual(['container.replace app-web-1']);
    expect(ids(forced, 'container.keep')).toEqual(['container.keep app-db-1']);
    expect(hasChanges(plan(dbChanged, upState(), { recreate: 'never' }))).toBe(false);
  });

  test('--always-recreate-deps replaces dependencies that were not named', () => {
    const after = plan(app, upState(), { services: ['web'], recreateDependencies: 'force' });
    expect(causeOf(after, 'container.replace app-db-1')).toBe('forced by --always-recreate-deps');
  });

  test('a named service brings what it depends on, unless told not to', () => {
    expect(ids(plan(app, NOTHING, { services: ['web'] }), 'container.create')).toEqual([
      'container.create app-db-1',
      'container.create app-web-1',
    ]);
    const alone = plan(app, NOTHING, { services: ['web'], withDependencies: false });
    expect(ids(alone, 'container.create')).toEqual(['container.create app-web-1']);
  });

  test('an unknown service is an error that names the one that was meant', () => {
    expect(() => plan(app, NOTHING, { services: ['wbe'] })).toThrow('no such service: wbe');
    try {
      plan(app, NOTHING, { services: ['wbe'] });
    } catch (error) {
      expect(isOcupError(error, 'E_USAGE_NO_SUCH_SERVICE') && error.hint).toBe(
        'did you mean "web"?',
      );
    }
  });
});

describe('scale', () => {
  test('adds the lowest free numbers and removes the highest', () => {
    const three = upState(app, { ...OPTIONS, scale: { web: 3 } });
    expect(three.containers.map((item) => item.config.name).sort()).toEqual([
      'app-cache-1',
      'app-db-1',
      'app-web-1',
      'app-web-2',
      'app-web-3',
    ]);
    const down = plan(app, three, { scale: { web: 2 } });
    expect(ids(down, 'container.remove')).toEqual(['container.remove app-web-3']);
    expect(causeOf(down, 'container.remove app-web-3')).toBe('scale down 3 → 2');
    const gap = {
      ...three,
      containers: three.containers.filter((item) => item.config.name !== 'app-web-2'),
    };
    expect(ids(plan(app, gap, { scale: { web: 3 } }), 'container.create')).toEqual([
      'container.create app-web-2',
    ]);
  });

  test('a dependant waits for every replica', () => {
    const { actions } = plan(app, NOTHING, { scale: { db: 2 } });
    const start = actions.find((item) => item.id === 'container.start app-web-1');
    expect(start?.dependsOn.filter((edge) => edge.condition !== undefined)).toHaveLength(2);
  });

  test('a fixed container name cannot have several containers', () => {
    const named = project([service('web', { containerName: 'shop', scale: 2 })]);
    expect(() => plan(named, NOTHING)).toThrow(/container name "shop"/);
  });

  test('nothing of a service with no containers is pulled or made', () => {
    const none = plan(project([service('web', { scale: 0 })]), NOTHING);
    expect(none.actions).toEqual([]);
  });
});

describe('orphans', () => {
  const orphan = container({
    config: containerConfig({
      name: 'app-old-1',
      labels: { [LABEL.project]: 'app', [LABEL.service]: 'old', [LABEL.containerNumber]: '1' },
    }),
  });
  const before = { ...NOTHING, containers: [orphan] };

  test('are named in a warning', () => {
    expect(plan(app, before).warnings[0]).toMatch(/^Found orphan containers \(app-old-1\)/);
    expect(plan(app, before, { orphans: 'ignore' }).warnings).toEqual([]);
  });

  test('go before anything starts, since they may hold a port', () => {
    const after = plan(app, before, { orphans: 'remove' });
    expect(ids(after, 'container.remove')).toEqual(['container.remove app-old-1']);
    const start = after.actions.find((item) => item.kind === 'container.start');
    expect(start?.dependsOn.map((edge) => edge.action)).toContain('container.remove app-old-1');
  });

  test('a service that no active profile enables is none', () => {
    expect(plan({ ...app, disabledServices: ['old'] }, before).warnings).toEqual([]);
  });

  test('a one-off container is one only when it has ended', () => {
    const labels = { ...orphan.config.labels, [LABEL.service]: 'web', [LABEL.oneOff]: 'True' };
    const config = { ...orphan.config, labels };
    const running = { ...NOTHING, containers: [{ ...orphan, config }] };
    const ended = { ...NOTHING, containers: [{ ...orphan, config, state: 'exited' as const }] };
    expect(plan(app, running).warnings).toEqual([]);
    expect(plan(app, ended).warnings).toHaveLength(1);
  });
});

describe('networks and volumes', () => {
  test('an external one that is missing is an error in the words people know', () => {
    const network = { key: 'default', isExternal: true, config: networkConfig('app_default') };
    expect(() => plan({ ...app, networks: [network] }, NOTHING)).toThrow(
      'network app_default declared as external, but could not be found',
    );
    const mount = {
      kind: 'volume' as const,
      volume: 'data',
      target: '/data',
      isReadOnly: false,
      noCopy: false,
      subpath: undefined,
    };
    const volume = { key: 'data', isExternal: true, config: volumeConfig('data') };
    const user = project([service('web', { container: { mounts: [mount] } })], {
      volumes: [volume],
    });
    expect(() => plan(user, NOTHING)).toThrow('external volume "data" not found');
  });

  test('a network that nobody uses is not made', () => {
    const lonely = project([service('web', { container: { networkMode: { kind: 'none' } } })]);
    expect(ids(plan(lonely, NOTHING), 'network.create')).toEqual([]);
  });

  test('a changed network is made anew between the last stop and the first start', () => {
    const internal = {
      ...app,
      networks: [
        {
          key: 'default',
          isExternal: false,
          config: networkConfig('app_default', { isInternal: true }),
        },
      ],
    };
    const before = upState();
    const after = plan(internal, before);
    expect(ids(after, 'network.remove')).toEqual(['network.remove app_default']);
    expect(causeOf(after, 'container.replace app-cache-1')).toBe(
      'network app_default config changed: internal',
    );
    const state = carryOut(after, before, registryOf(app));
    expect(hasChanges(plan(internal, state))).toBe(false);
  });

  test('a changed network stays while something outside the command uses it', () => {
    const internal = {
      ...app,
      networks: [
        {
          key: 'default',
          isExternal: false,
          config: networkConfig('app_default', { isInternal: true }),
        },
      ],
    };
    const after = plan(internal, upState(), { services: ['cache'] });
    expect(hasChanges(after)).toBe(false);
    expect(after.warnings[0]).toMatch(/network app_default has changed/);
  });

  test('a volume that differs keeps its data and says so', () => {
    const mount = {
      kind: 'volume' as const,
      volume: 'app_data',
      target: '/data',
      isReadOnly: false,
      noCopy: false,
      subpath: undefined,
    };
    const make = (driverOptions: Record<string, string>): Project =>
      project([service('web', { container: { mounts: [mount] } })], {
        volumes: [
          { key: 'data', isExternal: false, config: volumeConfig('app_data', { driverOptions }) },
        ],
      });
    const before = upState(make({}));
    const after = plan(make({ type: 'tmpfs' }), before);
    expect(hasChanges(after)).toBe(false);
    expect(after.warnings[0]).toMatch(/volume "app_data" exists but differs/);
  });
});

describe('images', () => {
  const present = (id: string): ObservedState => ({
    ...NOTHING,
    images: new Map([['nginx:1.27', { status: 'present', id, taggedAtMs: 900_000 }]]),
  });
  const one = project([service('web')]);

  test('a missing image that must not be pulled is an error', () => {
    const absent = { ...NOTHING, images: new Map([['nginx:1.27', { status: 'absent' as const }]]) };
    expect(() => plan(one, absent, { pull: 'never' })).toThrow('no such image: nginx:1.27');
  });

  test('an image is pulled once for all services that use it', () => {
    const two = project([service('a'), service('b')]);
    expect(ids(plan(two, NOTHING), 'image.pull')).toEqual(['image.pull nginx:1.27']);
  });

  test('policy always pulls what is here, and not again what was pulled just now', () => {
    const id = `sha256:${'a'.repeat(64)}`;
    expect(plan(one, present(id), { pull: 'always' }).actions[0]).toMatchObject({
      kind: 'image.pull',
      policy: 'always',
    });
    const pulled = new Set(['nginx:1.27']);
    expect(ids(plan(one, present(id), { pull: 'always', pulled }), 'image.pull')).toEqual([]);
  });

  test('a period lets an image rest until it is over', () => {
    const id = `sha256:${'a'.repeat(64)}`;
    const every = (periodMs: number): Project =>
      project([service('web', { pullPolicy: { kind: 'every', periodMs } })]);
    expect(ids(plan(every(200_000), present(id)), 'image.pull')).toEqual([]);
    expect(ids(plan(every(50_000), present(id)), 'image.pull')).toHaveLength(1);
  });

  test('a pull that decides about a running container is told apart', () => {
    const before = upState();
    const again = plan(app, before, { pull: 'always' });
    expect(decisivePulls(again, app, before.containers)).toHaveLength(3);
    expect(decisivePulls(plan(app, NOTHING), app, [])).toEqual([]);
    expect(causeOf(again, 'container.keep app-db-1')).toMatch(/if the pulled image differs/);
  });

  test('a service that must be built says so', () => {
    const built = project([service('web', { hasBuild: true, canonical: { build: {} } })]);
    expect(() => plan(built, NOTHING)).toThrow(
      'service "web" must be built, and ocup cannot build images yet',
    );
  });

  test('a service whose image was built elsewhere is started', () => {
    const built = project([service('web', { hasBuild: true, canonical: { build: {} } })]);
    expect(ids(plan(built, present(`sha256:${'a'.repeat(64)}`)), 'container.start')).toHaveLength(
      1,
    );
  });
});

describe('a replacement that was broken off', () => {
  const labels = (extra: Record<string, string> = {}): Record<string, string> => ({
    [LABEL.project]: 'app',
    [LABEL.service]: 'cache',
    [LABEL.containerNumber]: '1',
    [LABEL.configHash]: cache.configHash,
    ...extra,
  });
  const half = container({
    state: 'created',
    config: containerConfig({
      name: '0123456789ab_app-cache-1',
      image: 'redis:7',
      labels: labels({ [LABEL.replace]: 'app-cache-1' }),
    }),
  });
  const old = container({
    config: containerConfig({ name: 'app-cache-1', image: 'redis:7', labels: labels() }),
  });
  const images = new Map([
    ['redis:7', { status: 'present' as const, id: `sha256:${hashOf('redis:7')}`, taggedAtMs: 0 }],
  ]);
  const only = project([cache]);

  test('before the old one went leaves a container that is removed', () => {
    const after = plan(only, { ...NOTHING, images, containers: [old, half] });
    expect(ids(after, 'container.remove')).toEqual(['container.remove 0123456789ab_app-cache-1']);
    expect(ids(after, 'container.keep')).toEqual(['container.keep app-cache-1']);
  });

  test('after the old one went gives the new one its name and starts it', () => {
    const network = networkConfig('app_default');
    const state: ObservedState = {
      ...NOTHING,
      images,
      containers: [half],
      networks: [{ id: 'n', config: network, bridge: 'b', subnet: '', gateway: '', createdAt: '' }],
    };
    const after = plan(only, state);
    expect(ids(after, 'container.rename')).toEqual(['container.rename app-cache-1']);
    const end = carryOut(after, state, new Map());
    expect(end.containers).toMatchObject([{ state: 'running', config: { name: 'app-cache-1' } }]);
    expect(hasChanges(plan(only, end))).toBe(false);
  });
});

test('a container that shares a name with an orphan is made after the orphan is gone', () => {
  const orphan = container({
    config: containerConfig({
      name: 'shop',
      labels: { [LABEL.project]: 'app', [LABEL.service]: 'old' },
      networkMode: { kind: 'networks', endpoints: [endpoint('app_default')] },
    }),
  });
  const renamed = project([service('new', { containerName: 'shop' })]);
  const before = { ...NOTHING, containers: [orphan] };
  const after = plan(renamed, before, { orphans: 'remove' });
  expect(carryOut(after, before, registryOf(renamed)).containers).toHaveLength(1);
});
