import type { PruneRequest } from '../image/removal.ts';
import type { Transfers } from '../image/transfers.ts';
import type { VerifyProgress } from '../image/verification.ts';
import type { Image } from '../model/image.ts';
import type { ImageSource } from '../model/reference.ts';
import type { PullProgress } from '../model/pull-progress.ts';
import type { ImageDetails, VerifyReport } from '../wire/image-calls.ts';
import type { PullPolicyName, Result } from '../wire/protocol.ts';

/** What the supervisor asks of the image room; `image/images.ts` makes the promises. */
export interface ImagesPort {
  pull(request: {
    readonly source: ImageSource;
    readonly platform: string | undefined;
    readonly policy: PullPolicyName;
    readonly env: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    readonly onProgress: (progress: PullProgress) => void;
  }): Promise<Image>;
  find(source: ImageSource, platform: string | undefined): Promise<Image | undefined>;
  /** As `find`; `hold` is told of the image before anything of it can be removed. */
  findHeld(
    source: ImageSource,
    platform: string | undefined,
    hold: (image: Image) => void,
  ): Promise<Image | undefined>;
  list(): Promise<readonly Image[]>;
  /** Names, or digests, of images of which some part is damaged or missing. */
  damaged(): Promise<readonly string[]>;
  /** By name or id. @throws E_IMAGE_NOT_FOUND */
  details(nameOrId: string, platform: string | undefined): Promise<ImageDetails>;
  verify(request: {
    readonly nameOrId: string | undefined;
    readonly repairs: boolean;
    readonly env: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    readonly onProgress: (progress: VerifyProgress) => void;
  }): Promise<VerifyReport>;
  /** To and from files and registries. */
  readonly transfers: Transfers;
  remove(name: string, options: { readonly force: boolean }): Promise<Result<'image.remove'>>;
  prune(request: PruneRequest): Promise<Result<'image.prune'>>;
  /** Top first. */
  layerPaths(image: Image): readonly string[];
  openRootView(image: Image): { readFile(path: string): Promise<Buffer | undefined> };
  exportRootfs(image: Image, folder: string): Promise<void>;
}
