import type { Container } from '../model/container.ts';
import { LABEL } from '../model/labels.ts';
import type { DependencyCondition } from '../model/project.ts';

/** What a container's label says of a service that its own depends on. */
export interface LabelledDependency {
  readonly service: string;
  readonly condition: DependencyCondition;
}

const CONDITIONS: readonly DependencyCondition[] = [
  'service_started',
  'service_healthy',
  'service_completed_successfully',
];

/** The label is `service:condition:restart,…`; a condition that is not known is that it was started. */
export function labelledDependencies(container: Container): LabelledDependency[] {
  const label = container.config.labels[LABEL.dependsOn] ?? '';
  return label.split(',').flatMap((item) => {
    const [service = '', condition] = item.split(':');
    const known = CONDITIONS.find((name) => name === condition) ?? 'service_started';
    return service === '' ? [] : [{ service, condition: known }];
  });
}
