import type { Logger } from '../base/logger.ts';
import type { EventLog } from './event-log.ts';
import type { Launcher } from './launcher.ts';
import type { RecordStore } from './record-store.ts';
import type { ShimClient } from './shim-client.ts';

/** What every container of a supervisor shares with the others. */
export interface ContainerContext {
  readonly store: RecordStore;
  readonly events: EventLog;
  readonly launcher: Launcher;
  readonly shims: ShimClient;
  readonly logger: Logger;
  /** Runs the work as the only one for this container. */
  readonly exclusively: <T>(id: string, work: () => Promise<T>) => Promise<T>;
  /** Told after each change of a container. */
  readonly onChange: () => void;
}
