import { describe, expect, test } from '@jest/globals';
import type { Container, Exit } from '../../../src/model/container.ts';
import { LABEL } from '../../../src/model/labels.ts';
import { planStart } from '../../../src/plan/plan-start.ts';
import { container, project, service } from '../../support/project-values.ts';

const ENDED_WELL: Exit = {
  pid: 4242,
  code: 0,
  signal: undefined,
  isOomKilled: false,
  memoryLimitBytes: undefined,
  memoryPeakBytes: undefined,
  sent: undefined,
  at: '2026-01-01T00:00:02Z',
  reason: undefined,
};

/** A container `app-NAME-1` whose label says what it depends on. */
function member(name: string, dependsOn = '', changes: Partial<Container> = {}): Container {
  const plain = container({ state: 'exited', ...changes });
  const labels = { [LABEL.service]: name, [LABEL.dependsOn]: dependsOn };
  return { ...plain, id: name, config: { ...plain.config, name: `app-${name}-1`, labels } };
}

function started(containers: readonly Container[], ...names: readonly string[]): string[] {
  return planStart({ containers, names, project: undefined }).map(({ id }) => id);
}

describe('planStart', () => {
  const web = member('web', 'db:service_healthy:false,cache:service_started:false');
  const cache = member('cache');
  const db = member('db');
  const other = member('other');

  test('without names all that has no process starts', () => {
    const running = member('run', '', { state: 'running' });
    expect(started([web, cache, db, other, running]).toSorted()).toEqual(
      ['cache', 'db', 'other', 'web'].map((name) => `container.start app-${name}-1`),
    );
  });

  test('a named service takes along what it depends on, and nothing else', () => {
    expect(started([web, cache, db, other], 'web').at(-1)).toBe('container.start app-web-1');
    expect(started([web, cache, db, other], 'web')).toHaveLength(3);
    expect(started([web, cache, db, other], 'db')).toEqual(['container.start app-db-1']);
  });

  test('the condition of a dependency that runs already is waited for', () => {
    const running = { ...db, state: 'running' } as const;
    const [action] = planStart({
      containers: [web, cache, running],
      names: ['web'],
      project: undefined,
    }).slice(-1);
    expect(action?.dependsOn.flatMap(({ condition }) => condition ?? [])).toEqual([
      { kind: 'service_healthy', service: 'db', container: 'app-db-1', isRequired: true },
    ]);
  });

  test('a dependency with a condition must be there, unless it is optional', () => {
    const request = { containers: [web, cache], names: [] };
    expect(() => planStart({ ...request, project: undefined })).toThrow(
      expect.objectContaining({ message: 'web is missing dependency db' }),
    );
    const optional = { service: 'db', condition: 'service_healthy', isRequired: false } as const;
    const app = project([service('web', { dependsOn: [optional] }), service('cache')]);
    expect(planStart({ ...request, project: app })).toHaveLength(2);
  });

  test('what has done its work once runs again only by name', () => {
    const job = member('job', '', { exit: ENDED_WELL });
    const app = project([service('job', { once: { inputs: undefined } })]);
    expect(planStart({ containers: [job], names: [], project: app })).toEqual([]);
    expect(planStart({ containers: [job], names: ['job'], project: app })).toHaveLength(1);
  });
});
