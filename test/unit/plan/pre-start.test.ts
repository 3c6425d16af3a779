import { describe, expect, test } from '@jest/globals';
import type { PreStartHook } from '../../../src/model/container.ts';
import { LABEL } from '../../../src/model/labels.ts';
import { imageKey, type ObservedState } from '../../../src/plan/observed.ts';
import { planUp } from '../../../src/plan/plan-up.ts';
import { changeActions } from '../../../src/plan/plan-stop.ts';
import { choosePreStart, toPreStartConfig, withPreStart } from '../../../src/plan/pre-start.ts';
import { defaultUpOptions } from '../../../src/plan/up-options.ts';
import { container, endpoint, hashOf, project, service } from '../../support/project-values.ts';
import { carryOut } from '../../support/simulated-world.ts';

const OPTIONS = defaultUpOptions({ version: '0.1.0', nowMs: 1_000_000 });
const NOTHING: ObservedState = { containers: [], networks: [], volumes: [], images: new Map() };

function hook(changes: Partial<PreStartHook> = {}): PreStartHook {
  return {
    command: ['migrate'],
    user: undefined,
    isPrivileged: false,
    workingDir: undefined,
    environment: {},
    image: undefined,
    isPerReplica: false,
    ...changes,
  };
}

describe('choosePreStart', () => {
  const each = hook({ isPerReplica: true });
  const replica = (name: string, isFresh: boolean) => ({ name, isFresh, hooks: [hook(), each] });

  test('shared hooks run for the first of new replicas, others for each', () => {
    expect([...choosePreStart([replica('a', true), replica('b', true)])]).toEqual([
      ['a', [0, 1]],
      ['b', [1]],
    ]);
  });

  test('a replica that comes later runs only its own', () => {
    expect([...choosePreStart([replica('a', false), replica('b', true)])]).toEqual([['b', [1]]]);
  });

  test('nothing runs for what has been started before', () => {
    expect([...choosePreStart([replica('a', false)])]).toEqual([]);
  });
});

test('starts of replicas stand behind the hooks of the lowest number', () => {
  const replicas = [2, 10].map((number) => {
    const plain = container({ state: 'created' });
    const name = `app-web-${number}`;
    const labels = { [LABEL.service]: 'web', [LABEL.containerNumber]: String(number) };
    const hooks = { preStart: [hook()], postStart: [], preStop: [] };
    return { ...plain, id: name, config: { ...plain.config, name, labels, hooks } };
  });
  const items = replicas.map((item) => ({ container: item, cause: 'start' }));
  const actions = withPreStart(changeActions(items, { kind: 'start' }), replicas);
  expect(actions.map(({ id }) => id)).toEqual([
    'container.prepare app-web-2',
    'container.start app-web-10',
    'container.start app-web-2',
  ]);
});

describe('a plan with pre_start hooks', () => {
  const tools = hook({ image: 'tools:1' });
  const hooks = { preStart: [hook(), tools], postStart: [], preStop: [] };
  const web = service('web', {
    container: { hooks },
    scale: 2,
    dependsOn: [{ service: 'db', condition: 'service_healthy' }],
  });
  const app = project([service('db'), web]);
  const registry = new Map(
    ['nginx:1.27', 'tools:1'].map((image) => [
      imageKey(image, undefined),
      `sha256:${hashOf(image)}`,
    ]),
  );

  test('runs them when what the service depends on is ready, and starts all replicas after', () => {
    const { actions } = planUp(app, NOTHING, OPTIONS);
    const prepare = actions.filter((action) => action.kind === 'container.prepare');
    expect(prepare.map(({ name, hooks: indexes }) => [name, indexes])).toEqual([
      ['app-web-1', [0, 1]],
    ]);
    const edges = prepare.flatMap((action) => action.dependsOn);
    expect(edges.map((edge) => edge.action)).toContain('image.pull tools:1');
    expect(edges.some((edge) => edge.condition?.kind === 'service_healthy')).toBe(true);
    const starts = actions.filter((action) => action.id.startsWith('container.start app-web-'));
    expect(starts.length).toBe(2);
    for (const start of starts) {
      expect(start.dependsOn.map((edge) => edge.action)).toContain('container.prepare app-web-1');
    }
  });

  test('runs none once they are carried out', () => {
    const after = carryOut(planUp(app, NOTHING, OPTIONS), NOTHING, registry);
    const { actions } = planUp(app, after, OPTIONS);
    expect(actions.filter((action) => action.kind !== 'container.keep')).toEqual([]);
  });

  test('removes what a failed one left, without a word about orphans', () => {
    const labels = {
      [LABEL.project]: 'app',
      [LABEL.service]: 'web',
      [LABEL.oneOff]: 'True',
      [LABEL.hook]: 'pre_start',
    };
    const left = container({ state: 'exited' });
    const config = { ...left.config, name: 'app-web-pre_start-0', labels };
    const { actions, warnings } = planUp(
      app,
      { ...NOTHING, containers: [{ ...left, config }] },
      OPTIONS,
    );
    expect(warnings).toEqual([]);
    expect(actions.map((action) => action.id)).toContain('container.remove app-web-pre_start-0');
  });
});

test('the container of a hook has its owner’s volumes and networks, and not its name, ports or address', () => {
  const fixed = endpoint('app_default', { aliases: ['web'], ipv4Address: '10.0.0.5' });
  const data = {
    kind: 'volume',
    volume: 'made-up',
    target: '/data',
    isReadOnly: false,
    noCopy: false,
    subpath: undefined,
  } as const;
  const plain = container();
  const owner = {
    ...plain,
    mounts: [data],
    config: {
      ...plain.config,
      environment: { A: '1', B: '1' },
      entrypoint: ['/start'],
      networkMode: { kind: 'networks', endpoints: [fixed] } as const,
      labels: { [LABEL.project]: 'app', [LABEL.service]: 'web', [LABEL.configHash]: 'x' },
      hooks: {
        preStart: [hook({ environment: { B: '2' } }), hook({ image: 'tools:1', user: 'root' })],
        postStart: [],
        preStop: [],
      },
    },
  };
  expect(toPreStartConfig(owner, 0)).toMatchObject({
    name: 'app-web-pre_start-0',
    image: 'nginx:1.27',
    entrypoint: ['/start'],
    command: ['migrate'],
    environment: { A: '1', B: '2' },
    mounts: [data],
    networkMode: { endpoints: [{ aliases: [], ipv4Address: undefined }] },
    ports: [],
    hooks: undefined,
    labels: { [LABEL.hook]: 'pre_start', [LABEL.oneOff]: 'True' },
  });
  expect(toPreStartConfig(owner, 0)?.labels[LABEL.configHash]).toBeUndefined();
  expect(toPreStartConfig(owner, 1)).toMatchObject({
    image: 'tools:1',
    entrypoint: undefined,
    user: 'root',
  });
  expect(toPreStartConfig(owner, 2)).toBeUndefined();
});
