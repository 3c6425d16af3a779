import type { Image } from '../model/image.ts';
import type { LockedImage } from '../model/lock.ts';
import type { PullProgress } from '../model/pull-progress.ts';
import type { PushProgress, SaveProgress } from '../model/transfer.ts';

interface Call<Params, Result, CallEvent = never> {
  readonly params: Params;
  readonly result: Result;
  readonly event: CallEvent;
}

/** Of the command that calls: proxies, credentials and settings of registries are those of its user and shell. */
export type CallerEnvironment = Readonly<Record<string, string>>;

/** An image with its documents as they are stored. */
export interface ImageDetails {
  readonly image: Image;
  /** The configuration's JSON; undefined for `rootfs:`. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
}

/** What is damaged in the store. */
export interface VerifyReport {
  readonly checked: {
    readonly documents: number;
    readonly blobs: number;
    readonly snapshots: number;
  };
  readonly findings: readonly {
    readonly kind: 'document' | 'blob' | 'snapshot';
    readonly digest: string;
    readonly image: string | undefined;
    readonly fault: string;
    readonly outcome: 'repaired' | 'removed' | 'kept';
    readonly obstacle: string | undefined;
  }[];
}

export interface UsageRow {
  readonly total: number;
  /** Those in use. */
  readonly active: number;
  readonly sizeBytes: number;
  /** Of those that nobody uses. */
  readonly reclaimableBytes: number;
}

/** What one image takes: layers that others have as well, and its own; `containers`: how many use it. */
export interface ImageUsage {
  readonly id: string;
  readonly sharedBytes: number;
  readonly uniqueBytes: number;
  readonly containers: number;
}

export interface DiskUsage {
  readonly images: UsageRow & { readonly items: readonly ImageUsage[] };
  /** What a container has written, by its id. */
  readonly containers: UsageRow & { readonly items: Readonly<Record<string, number>> };
  readonly volumes: UsageRow & {
    readonly items: readonly {
      readonly name: string;
      readonly sizeBytes: number;
      /** How many containers mount it. */
      readonly links: number;
    }[];
  };
}

export type ArchiveFormatName = 'docker' | 'oci';

/** Calls that carry images between the store, files and registries. Paths are absolute. */
export interface ImageCalls {
  /** By name or id. @throws E_IMAGE_NOT_FOUND */
  'image.inspect': Call<
    { readonly image: string; readonly platform: string | undefined },
    ImageDetails
  >;
  /** What the source says the image's name stands for now; nothing but that is fetched. @throws E_IMAGE_… */
  'image.resolve': Call<
    { readonly image: string; readonly environment: CallerEnvironment },
    { readonly digest: string }
  >;
  'image.tag': Call<{ readonly image: string; readonly name: string }, Image>;
  'image.load': Call<
    { readonly path: string; readonly platform: string | undefined },
    { readonly images: readonly Image[] },
    PullProgress
  >;
  'image.save': Call<
    {
      readonly images: readonly string[];
      readonly path: string;
      readonly format: ArchiveFormatName;
      readonly platform: string | undefined;
    },
    { readonly digest: string; readonly sizeBytes: number },
    SaveProgress
  >;
  /** `destination` is a name in a registry. */
  'image.push': Call<
    {
      readonly image: string;
      readonly destination: string;
      readonly platform: string | undefined;
      readonly environment: CallerEnvironment;
    },
    { readonly digest: string; readonly sizeBytes: number },
    PushProgress
  >;
  /** What an image is at its source now, for each of the platforms; empty: for this machine. */
  'image.lock': Call<
    {
      readonly image: string;
      readonly platforms: readonly string[];
      readonly environment: CallerEnvironment;
    },
    LockedImage,
    PullProgress
  >;
  /** Writes a project and its images into one archive; `texts` and `files` by their name in the project. */
  'project.export': Call<
    {
      readonly path: string;
      readonly name: string;
      readonly texts: Readonly<Record<string, string>>;
      readonly files: readonly { readonly name: string; readonly source: string }[];
      readonly images: readonly { readonly image: string; readonly name: string }[];
    },
    { readonly digest: string; readonly sizeBytes: number },
    SaveProgress
  >;
  /** `folder` undefined: a new one in `parent`, called like the project. */
  'project.import': Call<
    { readonly path: string; readonly folder: string | undefined; readonly parent: string },
    { readonly folder: string; readonly images: readonly Image[] },
    PullProgress
  >;
  /** What is kept here takes on disk. */
  'system.usage': Call<Readonly<Record<string, never>>, DiskUsage>;
  /** Asks the registry, and keeps the password as Docker does. `login` undefined: what is kept is tried. */
  'registry.login': Call<
    {
      readonly server: string;
      readonly login: { readonly username: string; readonly password: string } | undefined;
      readonly environment: CallerEnvironment;
    },
    { readonly domain: string; readonly path: string; readonly helper: string | undefined }
  >;
  'registry.logout': Call<
    { readonly server: string; readonly environment: CallerEnvironment },
    { readonly domain: string; readonly wasKnown: boolean }
  >;
  /** Hashes everything anew; `repairs`: fetches again what is damaged. */
  'image.verify': Call<
    {
      readonly images: readonly string[];
      readonly repairs: boolean;
      readonly environment: CallerEnvironment;
    },
    VerifyReport,
    { readonly kind: 'document' | 'layer'; readonly digest: string }
  >;
}
