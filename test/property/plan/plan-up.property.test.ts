import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ContainerState, PreStartHook } from '../../../src/model/container.ts';
import type { Project, Service } from '../../../src/model/project.ts';
import { hasChanges, type Plan } from '../../../src/plan/action.ts';
import { imageKey, type ObservedState } from '../../../src/plan/observed.ts';
import { planDown } from '../../../src/plan/plan-down.ts';
import { planUp } from '../../../src/plan/plan-up.ts';
import { defaultUpOptions, type UpOptions } from '../../../src/plan/up-options.ts';
import { endpoint, hashOf, networkConfig, project, service } from '../../support/project-values.ts';
import { carryOut } from '../../support/simulated-world.ts';

const OPTIONS = defaultUpOptions({ version: '0.1.0', nowMs: 0 });
const NOTHING: ObservedState = { containers: [], networks: [], volumes: [], images: new Map() };
const NAMES = ['a', 'b', 'c', 'd', 'e'];
const NETWORKS = ['app_default', 'app_back'];
const CONDITIONS = [
  'service_started',
  'service_healthy',
  'service_completed_successfully',
] as const;

const someHook: fc.Arbitrary<PreStartHook> = fc.record({
  command: fc.constant(['prepare']),
  user: fc.constant(undefined),
  isPrivileged: fc.constant(false),
  workingDir: fc.constant(undefined),
  environment: fc.constant({}),
  image: fc.constantFrom(undefined, 'two:1', 'three:1'),
  isPerReplica: fc.boolean(),
});

/** Service i depends only on services before it, so that there is no cycle in the project itself. */
const someService = (index: number): fc.Arbitrary<Service> =>
  fc
    .record({
      image: fc.constantFrom('one:1', 'two:1', 'three:1'),
      value: fc.integer({ min: 0, max: 2 }),
      scale: fc.integer({ min: 0, max: 3 }),
      dependsOn: fc.subarray(NAMES.slice(0, index)),
      condition: fc.constantFrom(...CONDITIONS),
      networks: fc.subarray(NETWORKS, { minLength: 1 }),
      hooks: fc.array(someHook, { maxLength: 2 }),
    })
    .map(({ image, value, scale, dependsOn, condition, networks, hooks }) =>
      service(NAMES[index]!, {
        scale,
        container: {
          image,
          environment: { VALUE: String(value) },
          networkMode: { kind: 'networks', endpoints: networks.map((name) => endpoint(name)) },
          hooks: hooks.length === 0 ? undefined : { preStart: hooks, postStart: [], preStop: [] },
        },
        dependsOn: dependsOn.map((name) => ({ service: name, condition })),
        canonical: {
          image,
          environment: { VALUE: String(value) },
          networks,
          pre_start: hooks.map((hook) => JSON.stringify(hook)),
        },
      }),
    );

const someProject: fc.Arbitrary<Project> = fc
  .record({
    services: fc.tuple(...NAMES.map((_, index) => someService(index))),
    count: fc.integer({ min: 1, max: NAMES.length }),
    isInternal: fc.boolean(),
  })
  .map(({ services, count, isInternal }) =>
    project(services.slice(0, count), {
      networks: NETWORKS.map((name) => ({
        key: name,
        isExternal: false,
        config: networkConfig(name, { isInternal }),
      })),
    }),
  );

const someOptions: fc.Arbitrary<UpOptions> = fc
  .record({
    recreate: fc.constantFrom('diverged', 'force', 'never'),
    recreateDependencies: fc.constantFrom('diverged', 'force'),
    renewVolumes: fc.boolean(),
    pull: fc.constantFrom(undefined, 'always', 'missing'),
  } as const)
  .map((changes) => ({ ...OPTIONS, orphans: 'remove', ...changes }));

const someStates = fc.array(
  fc.constantFrom<ContainerState>('running', 'exited', 'paused', 'dead', 'created'),
  {
    minLength: 15,
    maxLength: 15,
  },
);

const registry = new Map(
  ['one:1', 'two:1', 'three:1'].map((image) => [
    imageKey(image, undefined),
    `sha256:${hashOf(image)}`,
  ]),
);

function upOf(from: Project, before: ObservedState, options: UpOptions = OPTIONS): ObservedState {
  return carryOut(planUp(from, before, options), before, registry);
}

/** `before` with containers in other states, as crashes and people leave them. */
function disturbed(before: ObservedState, states: readonly ContainerState[]): ObservedState {
  return {
    ...before,
    containers: before.containers.map((item, index) => ({
      ...item,
      state: states[index] ?? item.state,
    })),
  };
}

/** Stops after `count` actions, as a command that was killed. */
function brokenOff(plan: Plan, count: number): Plan {
  return { ...plan, actions: plan.actions.slice(0, count) };
}

describe('planUp of any project', () => {
  test('has nothing left to do after it was carried out', () => {
    fc.assert(
      fc.property(someProject, someProject, someStates, (first, second, states) => {
        const before = disturbed(upOf(first, NOTHING), states);
        const options = { ...OPTIONS, orphans: 'remove' as const };
        const after = upOf(second, before, options);
        expect(
          planUp(second, after, options).actions.filter((a) => a.kind !== 'container.keep'),
        ).toEqual([]);
      }),
    );
  });

  test('makes each action wait only for actions before it that exist', () => {
    fc.assert(
      fc.property(someProject, someProject, someOptions, (first, second, options) => {
        const plan = planUp(second, upOf(first, NOTHING), options);
        const seen = new Set<string>();
        for (const action of plan.actions) {
          for (const edge of action.dependsOn) expect(seen).toContain(edge.action);
          expect(seen).not.toContain(action.id);
          seen.add(action.id);
        }
      }),
    );
  });

  test('starts nothing for the first time before its hooks have run', () => {
    fc.assert(
      fc.property(someProject, someProject, someStates, fc.boolean(), (...given) => {
        const [first, other, states, isSame] = given;
        const second = isSame ? first : other;
        const before = disturbed(upOf(first, NOTHING), states);
        const { actions } = planUp(second, before, { ...OPTIONS, orphans: 'remove' });
        for (const start of actions) {
          if (start.kind !== 'container.start') continue;
          const old = before.containers.find(({ config }) => config.name === start.name);
          const isRenewed = actions.some(({ id }) => id === `container.create ${start.name}`);
          const hooks = second.services.find(({ name }) => name === start.service)?.container.hooks
            ?.preStart;
          const isOwn = hooks?.some(({ isPerReplica }) => isPerReplica) === true;
          if (!isOwn || !(isRenewed || old?.state === 'created')) continue;
          expect(start.dependsOn.map((edge) => edge.action)).toContain(
            `container.prepare ${start.name}`,
          );
        }
      }),
    );
  });

  test('is repaired by the next one wherever it was broken off', () => {
    fc.assert(
      fc.property(someProject, someProject, fc.nat(40), (first, second, count) => {
        const options = { ...OPTIONS, orphans: 'remove' as const };
        const before = upOf(first, NOTHING);
        const half = carryOut(brokenOff(planUp(second, before, options), count), before, registry);
        const after = upOf(second, half, options);
        expect(hasChanges(planUp(second, after, options))).toBe(false);
        const names = after.containers.map((item) => item.config.name).sort();
        const wanted = second.services.flatMap((item) =>
          Array.from({ length: item.scale }, (_, n) => `app-${item.name}-${n + 1}`),
        );
        expect(names).toEqual(wanted.sort());
      }),
    );
  });

  test('can be carried out from any state with any options', () => {
    fc.assert(
      fc.property(someProject, someProject, someStates, someOptions, (first, second, states, o) => {
        const before = disturbed(upOf(first, NOTHING), states);
        const after = upOf(second, before, o);
        expect(after.containers.every((item) => item.state === 'running')).toBe(true);
      }),
    );
  });

  test('does not depend on the order in which containers are told', () => {
    fc.assert(
      fc.property(someProject, someProject, someOptions, (first, second, options) => {
        const before = upOf(first, NOTHING);
        const turned = { ...before, containers: [...before.containers].reverse() };
        const sortById = (plan: Plan): unknown[] =>
          [...plan.actions]
            .sort((a, b) => (a.id < b.id ? -1 : 1))
            .map(({ id, cause }) => [id, cause]);
        expect(sortById(planUp(second, turned, options))).toEqual(
          sortById(planUp(second, before, options)),
        );
      }),
    );
  });
});

test('planDown of any project leaves nothing', () => {
  fc.assert(
    fc.property(someProject, someStates, (first, states) => {
      const before = disturbed(upOf(first, NOTHING), states);
      const options = {
        services: [],
        volumes: true,
        removeOrphans: true,
        timeoutMs: undefined,
        images: 'none' as const,
      };
      const plan = planDown('app', first, { observed: before, options });
      const after = carryOut(plan, before, registry);
      expect(after.containers).toEqual([]);
      expect(after.networks).toEqual([]);
      const seen = new Set<string>();
      for (const action of plan.actions) {
        for (const edge of action.dependsOn) expect(seen).toContain(edge.action);
        seen.add(action.id);
      }
    }),
  );
});
