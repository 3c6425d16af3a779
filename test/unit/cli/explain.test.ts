import { expect, test } from '@jest/globals';
import { explainContainer } from '../../../src/cli/explain/explain-container.ts';
import { LABEL } from '../../../src/model/labels.ts';
import { container, containerConfig } from '../../support/project-values.ts';

const NOW_MS = Date.parse('2026-01-01T00:01:00Z');
const config = containerConfig({ name: 'app-web-1', labels: { [LABEL.service]: 'web' } });

test('what lets a paused service go on is told with its name', () => {
  const { hint } = explainContainer(container({ config, state: 'paused' }), NOW_MS);
  expect(hint).toBe('let it go on: ocup unpause web');
});

test('a probe that could not be run has no code', () => {
  const startedAt = '2026-01-01T00:00:00Z';
  const times = { startedAt, endedAt: startedAt };
  const details = (exitCode: number): readonly string[] => {
    const probes = [{ ...times, exitCode, output: 'no curl\n' }];
    const sick = container({ config, state: 'running', startedAt, health: 'unhealthy', probes });
    return explainContainer(sick, NOW_MS).details;
  };
  expect(details(-1)).toEqual(['its last probe failed: no curl']);
  expect(details(1)).toEqual(['its last probe ended with 1: no curl']);
});
