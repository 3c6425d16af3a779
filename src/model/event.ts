import type { Exit, Health } from './container.ts';

/** Why a container was stopped or did not start, where there is a reason. */
interface ContainerEventBase {
  readonly kind: 'container';
  readonly id: string;
  readonly name: string;
  /** As the compose file names it. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A fact about a container. */
export type ContainerEvent = ContainerEventBase &
  (
    | { readonly action: 'create' | 'start' | 'pause' | 'unpause' | 'destroy' | 'rename' | 'oom' }
    | { readonly action: 'die'; readonly exit: Exit; readonly willRestart: boolean }
    | {
        readonly action: 'stop' | 'kill';
        readonly signal: string;
        readonly reason: string | undefined;
      }
    | { readonly action: 'health'; readonly health: Health }
    | { readonly action: 'exec'; readonly command: readonly string[] }
  );

/** A fact about anything else. */
export interface ResourceEvent {
  readonly kind: 'image' | 'network' | 'volume';
  readonly action: 'pull' | 'push' | 'create' | 'destroy' | 'tag' | 'untag';
  readonly name: string;
}

/** A fact, in the order the supervisor saw it. */
export type Event = (ContainerEvent | ResourceEvent) & {
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  /** Grows by one with each event of one supervisor. */
  readonly sequence: number;
};
