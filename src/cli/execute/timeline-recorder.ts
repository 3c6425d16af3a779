import type { Timeline, TimelineSpan } from '../../model/timeline.ts';
import {
  type ActionId,
  type Edge,
  hasChanges,
  type Plan,
  type PlannedAction,
} from '../../plan/action.ts';
import type { SupervisorClient } from '../connection.ts';
import type { PullProgress } from '../../model/pull-progress.ts';
import { objectOf } from './row.ts';

/** Now, in milliseconds since the epoch with microseconds. It never goes back within one process. */
export function timeNow(): number {
  return performance.timeOrigin + performance.now();
}

/** Writes down the steps of one `up`. */
export class TimelineRecorder {
  private readonly spans = new Map<string, TimelineSpan>();
  private readonly unpacking = new Map<string, { startMs: number; endMs: number }>();

  /** A step for the whole project, that ends now. */
  addWhole(step: string, startMs: number, after: readonly string[]): void {
    this.add({ id: step, step, subject: '', service: undefined, startMs, after });
  }

  /** A step that ends now. */
  add(span: Omit<TimelineSpan, 'endMs'>): void {
    if (!this.spans.has(span.id)) this.spans.set(span.id, { ...span, endMs: timeNow() });
  }

  /** Whatever an action of the plan does, it ends now. */
  addAction(action: PlannedAction, startMs: number): void {
    if (action.kind === 'container.keep') return;
    const subject = objectOf(action);
    const service = 'service' in action ? action.service : undefined;
    const known = action.dependsOn.map(spanOf);
    const step = action.kind.slice(action.kind.indexOf('.') + 1);
    const after = [...known, this.spans.has('plan') ? 'plan' : 'connect'];
    this.add({ id: action.id, step, subject, service, startMs, after });
  }

  /** A wait for a condition, that ends now. Several wait for the same one: the first counts. */
  addWait(edge: Edge, startMs: number): void {
    const { condition } = edge;
    if (condition === undefined || condition.kind === 'service_started') return;
    const { container: subject, service } = condition;
    this.add({ id: spanOf(edge), step: 'wait', subject, service, startMs, after: [edge.action] });
  }

  /** How far the pull of an image is: its unpacking goes from its first layer to its last. */
  addPull(image: string, progress: PullProgress): void {
    if (progress.kind !== 'layer') return;
    if (progress.status !== 'unpacking' && progress.status !== 'done') return;
    const endMs = timeNow();
    this.unpacking.set(image, { ...(this.unpacking.get(image) ?? { startMs: endMs }), endMs });
  }

  /** Hands it to the supervisor, if the plan changed anything. A failure is no failure of the `up`. */
  async keep(client: SupervisorClient, plan: Plan): Promise<void> {
    if (!hasChanges(plan)) return;
    await client.call('timeline.keep', this.timeline(plan.project)).catch(() => undefined);
  }

  private timeline(project: string): Timeline {
    const unpacked = [...this.unpacking].map(([subject, times]): TimelineSpan => {
      return {
        id: `unpack ${subject}`,
        step: 'unpack',
        subject,
        service: undefined,
        ...times,
        after: [],
      };
    });
    const spans = [...this.spans.values(), ...unpacked];
    return { project, spans: spans.sort((a, b) => a.startMs - b.startMs) };
  }
}

/** The span that an edge waits for: the action, or the wait for its condition. */
function spanOf({ action, condition }: Edge): ActionId {
  if (condition === undefined || condition.kind === 'service_started') return action;
  return `wait ${condition.container} ${condition.kind}`;
}
