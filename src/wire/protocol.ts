import type { Container, ContainerConfig } from '../model/container.ts';
import type { Event } from '../model/event.ts';
import type { Image } from '../model/image.ts';
import type { PullProgress } from '../model/pull-progress.ts';
import type { Timeline } from '../model/timeline.ts';
import type { CallerEnvironment, ImageCalls } from './image-calls.ts';
import type { PruneCalls } from './prune-calls.ts';
import type { Network, NetworkConfig, Volume, VolumeConfig } from '../model/network.ts';

/**
 * The calls between the command line and the supervisor. One call per connection, as lines of JSON:
 *
 *     client                                   supervisor
 *       │ {"method":"image.pull","params":{…}} ─▶ │
 *       │ ◀─ {"event":{…}}            none or many │
 *       │ ◀─ {"result":{…}} or {"error":{…}}   one │
 *
 * Closing the connection cancels the call. A streaming method (`StreamMethods`) answers
 * `{"upgrade":{…}}`, and from the next byte on both sides send frames (see `frames.ts`).
 */
export const PROTOCOL_VERSION = 1;

/** A container by full id, unique prefix of an id, or name. */
export type ContainerKey = string;

export interface SystemInfo {
  readonly version: string;
  readonly protocolVersion: number;
  readonly pid: number;
  readonly startedAt: string;
  readonly dataDir: string;
  readonly runDir: string;
  readonly runtime: string;
  readonly containers: { readonly running: number; readonly total: number };
  /** Records that could not be read and were set aside, each a sentence. */
  readonly damaged: readonly string[];
}

export type PullPolicyName = 'always' | 'missing' | 'never';

/** One line that a container wrote. */
export interface LogLine {
  readonly id: string;
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nine digits of the second. */
  readonly time: string;
  /** Without the newline; bytes that are not UTF-8 are replaced. */
  readonly text: string;
  /** False: the line went on, and the rest follows. */
  readonly isComplete: boolean;
}

export interface LogParams {
  readonly containers: readonly ContainerKey[];
  readonly follow: boolean;
  /** The last so many lines of each container; undefined: all. */
  readonly tail: number | undefined;
  /** RFC 3339. */
  readonly since: string | undefined;
  readonly until: string | undefined;
  /** Also what the containers wrote that they have taken the place of. */
  readonly withHistory?: boolean | undefined;
}

/** What a `wait` is for. `exited` also ends a wait for another condition, and the result says so. */
export type WaitCondition = 'running' | 'healthy' | 'exited' | 'removed';

export interface WaitResult {
  /** Whether the condition came true; else the container ended or became unhealthy before. */
  readonly isMet: boolean;
  readonly container: Container;
}

export interface StopResult {
  /** False: it was not running. */
  readonly wasRunning: boolean;
  /** Why it was ended before its grace was over, where it was. */
  readonly reason: string | undefined;
  readonly container: Container;
}

export interface ExecParams {
  readonly container: ContainerKey;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user: string | undefined;
  readonly workingDir: string | undefined;
  readonly hasTty: boolean;
  readonly isPrivileged: boolean;
  /** Whether standard input is connected. */
  readonly hasStdin: boolean;
  readonly size: TerminalSize | undefined;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

export interface BundleResult {
  /** Where it is; undefined: only its digest or an archive was asked for. */
  readonly path: string | undefined;
  readonly imageId: string;
  /** Of the bundle as a canonical archive; undefined unless one was asked for. */
  readonly digest: string | undefined;
}

export interface BundleParams {
  readonly config: ContainerConfig;
  /** A folder that is empty or missing; undefined: none is left. */
  readonly path: string | undefined;
  /** A file that gets the bundle as a canonical archive. */
  readonly archive: string | undefined;
  readonly isDigested: boolean;
}

interface Call<Params, Result, CallEvent = never> {
  readonly params: Params;
  readonly result: Result;
  readonly event: CallEvent;
}

type None = Readonly<Record<string, never>>;
interface ByContainer {
  readonly container: ContainerKey;
}
interface ByName {
  readonly name: string;
}

/** Methods that answer with events and a result. Each is one primitive: ordering is the caller's business. */
export interface Methods extends ImageCalls, PruneCalls {
  'system.info': Call<None, SystemInfo>;
  /** Ends the supervisor; containers run on. */
  'system.shutdown': Call<None, None>;

  'image.pull': Call<
    {
      readonly image: string;
      readonly platform: string | undefined;
      readonly policy: PullPolicyName;
      readonly environment: CallerEnvironment;
    },
    Image,
    PullProgress
  >;
  /** `undefined` where it is not here. */
  'image.find': Call<
    { readonly image: string; readonly platform: string | undefined },
    { readonly image: Image | undefined }
  >;
  /** `damaged`: names, or digests, of images of which some part is damaged or missing; `image.verify` repairs them. */
  'image.list': Call<
    None,
    { readonly images: readonly Image[]; readonly damaged: readonly string[] }
  >;
  'image.remove': Call<
    { readonly image: string; readonly force: boolean },
    { readonly untagged: readonly string[]; readonly deleted: readonly string[] }
  >;

  'network.create': Call<{ readonly config: NetworkConfig }, Network>;
  'network.list': Call<None, { readonly networks: readonly Network[] }>;
  'network.remove': Call<ByName, None>;

  'volume.create': Call<{ readonly config: VolumeConfig }, Volume>;
  'volume.list': Call<None, { readonly volumes: readonly Volume[] }>;
  'volume.remove': Call<ByName, None>;

  /** Writes its record and bundle. The image must be here; `inheritVolumesOf` hands on anonymous volumes. */
  'container.create': Call<
    { readonly config: ContainerConfig; readonly inheritVolumesOf: ContainerKey | undefined },
    Container
  >;
  /** Resolves when its process runs. */
  'container.start': Call<ByContainer, Container>;
  'container.stop': Call<ByContainer & { readonly timeoutMs: number | undefined }, StopResult>;
  'container.kill': Call<ByContainer & { readonly signal: string }, Container>;
  'container.pause': Call<ByContainer, Container>;
  'container.unpause': Call<ByContainer, Container>;
  'container.rename': Call<ByContainer & ByName, Container>;
  /** Keeps what `from`, which has ended, has written as the history of one that has not been started yet. */
  'container.inheritLog': Call<ByContainer & { readonly from: ContainerKey }, None>;
  /** `force` kills it first; `volumes` removes its anonymous volumes too. */
  'container.remove': Call<
    ByContainer & { readonly force: boolean; readonly volumes: boolean },
    None
  >;
  'container.inspect': Call<ByContainer, Container>;
  /** Those that carry all `labels`, sorted by name. */
  'container.list': Call<
    { readonly labels: Readonly<Record<string, string>> },
    { readonly containers: readonly Container[] }
  >;
  'container.wait': Call<ByContainer & { readonly condition: WaitCondition }, WaitResult>;
  'container.logs': Call<LogParams, None, LogLine>;

  /** Facts from now on until the caller hangs up; the first event line says that it has begun. */
  'events.follow': Call<
    {
      readonly labels: Readonly<Record<string, string>>;
      /** RFC 3339: those that are remembered from then on come first. */
      readonly since: string | undefined;
    },
    None,
    { readonly kind: 'begun' } | { readonly kind: 'fact'; readonly fact: Event }
  >;

  /** Writes down how an `up` went, in the place of the one before. */
  'timeline.keep': Call<Timeline, None>;
  'timeline.find': Call<{ readonly project: string }, { readonly timeline: Timeline | undefined }>;

  /** Writes `rootfs/` and `config.json` into a folder or an archive. The same image and config give the same bytes. */
  'bundle.create': Call<BundleParams, BundleResult>;
}

export type MethodName = keyof Methods;
export type Params<M extends MethodName> = Methods[M]['params'];
export type Result<M extends MethodName> = Methods[M]['result'];
export type CallEvent<M extends MethodName> = Methods[M]['event'];

/** Moves files between a caller and a container, as a tar stream. */
export interface CopyParams extends ByContainer {
  /**
   * `read` sends what is at `path` as output, `write` puts what comes as input there, `remove` takes files
   * and empty folders as input, each name absolute and ended by a zero byte.
   */
  readonly operation: 'read' | 'write' | 'remove';
  readonly path: string;
  /** Read what a link at `path` points to. */
  readonly followsLink: boolean;
  /** Keep owners and extended attributes. */
  readonly keepsOwner: boolean;
  /** Write: the archive goes into the folder `path` as it is. */
  readonly isPlainArchive: boolean;
}

/** Methods that go over to frames. */
export interface StreamMethods {
  'container.copy': CopyParams;
  'container.exec': ExecParams;
  'container.attach': ByContainer & { readonly hasStdin: boolean };
  /** What a container has written until now: whole lines of its log (`log-line.ts`) as `stdout` frames. */
  'container.log': ByContainer & {
    readonly tail: number | undefined;
    /** As in `LogParams`. */
    readonly withHistory?: boolean | undefined;
  };
}

export type StreamMethodName = keyof StreamMethods;

/** An error as it crosses the wire. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}
