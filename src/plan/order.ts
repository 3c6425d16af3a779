import type { PlannedAction } from './action.ts';

/**
 * The same actions, each behind those it waits for, and otherwise as they came. An edge to an action that is
 * not among them holds nothing up.
 *
 * INVARIANT: actions that wait for each other are a bug of the planner, and thrown as one.
 */
export function inEdgeOrder(actions: readonly PlannedAction[]): PlannedAction[] {
  const byId = new Map(actions.map((action) => [action.id, action]));
  const state = new Map<PlannedAction, 'open' | 'done'>();
  const ordered: PlannedAction[] = [];
  const visit = (action: PlannedAction): void => {
    const known = state.get(action);
    if (known === 'done') return;
    if (known === 'open') throw new Error(`the plan waits for itself at ${action.id}`);
    state.set(action, 'open');
    for (const edge of action.dependsOn) {
      const before = byId.get(edge.action);
      if (before !== undefined) visit(before);
    }
    state.set(action, 'done');
    ordered.push(action);
  };
  for (const action of actions) visit(action);
  return ordered;
}
