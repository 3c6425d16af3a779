import type { Logger } from '../base/logger.ts';
import type { SpecHost } from '../model/spec-host.ts';
import type { Networks } from '../network/networks.ts';
import type { Containers } from './containers.ts';
import type { EventLog } from './event-log.ts';
import type { ImagesPort } from './images-port.ts';
import type { Launcher } from './launcher.ts';
import type { RecordStore } from './record-store.ts';
import type { ShimClient } from './shim-client.ts';
import type { Timelines } from './timelines.ts';
import type { Volumes } from './volumes.ts';

/** All that the calls work on. */
export interface Rooms {
  readonly dataDir: string;
  readonly runDir: string;
  readonly startedAt: string;
  /** The OCI runtime that is used where a container names none. */
  readonly runtimeName: string;
  /** Records that were set aside, each a sentence. */
  readonly damaged: readonly string[];
  readonly images: ImagesPort;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly containers: Containers;
  readonly store: RecordStore;
  readonly launcher: Launcher;
  readonly shims: ShimClient;
  readonly events: EventLog;
  readonly timelines: Timelines;
  readonly logger: Logger;
  readonly host: () => Promise<SpecHost>;
  /** Ends the supervisor once the call is answered. */
  readonly requestShutdown: () => void;
}
