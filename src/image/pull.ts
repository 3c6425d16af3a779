import { throwIfAborted } from '../base/abort.ts';
import { OcupError, isOcupError } from '../base/errors.ts';
import type { Descriptor, Manifest } from '../model/descriptor.ts';
import type { ImageConfig } from '../model/image-config.ts';
import { type Platform, formatPlatform } from '../model/platform.ts';
import type { PullProgress } from '../model/pull-progress.ts';
import { chainIds } from './chain-ids.ts';
import { parseDocument } from './documents.ts';
import type { Lease } from './garbage.ts';
import type { LayerPlan, LayerStore } from './layer-store.ts';
import type { ImageLayout } from './layout.ts';
import { parseImageConfig } from './parse-image-config.ts';
import { hostPlatform, isCompatible, selectEntries } from './platforms.ts';
import type { Origin, OriginTarget } from './source/origin.ts';

export interface PullContext {
  readonly layout: ImageLayout;
  readonly layers: LayerStore;
  readonly lease: Lease;
  readonly origin: Origin;
  /** How the user calls the image. */
  readonly name: string;
  /** Undefined: whatever runs here. */
  readonly platform: Platform | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PullProgress) => void;
}

/** A manifest and the configuration it names. */
export interface Chosen {
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/** An index may name indexes; so deep at most. */
const MAX_DEPTH = 4;

/**
 * Brings the image of an origin into the store, with all its layers, and gives what the origin's name stands for.
 * What is here already is not fetched. Nothing is named yet.
 *
 * @throws E_IMAGE_…, E_CANCELLED
 */
export async function bringIn(context: PullContext): Promise<Descriptor> {
  const { origin, signal, onProgress } = context;
  const { target, chosen } = await resolveImage(context);
  const { manifest, config } = chosen;
  checkPlatform(config, context);
  const plans = planLayers(manifest, config, context.name);
  const totalBytes = manifest.layers.reduce((sum, layer) => sum + layer.size, 0);
  onProgress({ kind: 'resolved', digest: target.descriptor.digest, totalBytes });
  await context.lease.protect(plans.flatMap((plan) => [plan.layer.digest, plan.chainId]));
  await context.layers.ensure(plans, { origin, signal, onProgress });
  return target.descriptor;
}

/** What the name stands for is asked once more where a mirror had said something that does not exist. */
async function resolveImage(
  context: PullContext,
): Promise<{ readonly target: OriginTarget; readonly chosen: Chosen }> {
  for (;;) {
    const target = await resolveTarget(context);
    try {
      return { target, chosen: await selectImage(target, context) };
    } catch (error) {
      const isMisled = isOcupError(error, 'E_IMAGE_NOT_FOUND') && context.origin.isMisled?.();
      if (isMisled !== true) throw error;
    }
  }
}

/** What the origin's name stands for. @throws E_IMAGE_…, E_CANCELLED */
export async function resolveTarget(context: Omit<PullContext, 'platform'>): Promise<OriginTarget> {
  context.onProgress({ kind: 'resolving' });
  const target = await context.origin.resolve(callOf(context));
  throwIfAborted(context.signal);
  return target;
}

/** The image of a target for the platform; its documents are stored. @throws E_IMAGE_…, E_CANCELLED */
export function selectImage(target: OriginTarget, context: PullContext): Promise<Chosen> {
  return choose(target, context.platform, 0, context);
}

/** Follows indexes down to the manifest for the platform; all documents on the way are stored. */
async function choose(
  target: OriginTarget,
  platform: Platform | undefined,
  depth: number,
  context: PullContext,
): Promise<Chosen> {
  const { descriptor } = target;
  const bytes = await fetchDocument(target, context);
  const document = parseDocument(bytes, descriptor.mediaType, nameOf(descriptor, context));
  if (document.kind === 'manifest') {
    const { manifest } = document;
    const configBytes = await fetchDocument(
      { descriptor: manifest.config, bytes: undefined },
      context,
    );
    const config = parseImageConfig(configBytes, `the configuration of ${context.name}`);
    return { descriptor, manifest, config };
  }
  if (depth === MAX_DEPTH) {
    throw new OcupError(
      'E_IMAGE_FORMAT',
      `cannot read ${context.name}: its indexes are nested too deep`,
    );
  }
  const wanted = platform ?? hostPlatform();
  const entries = selectEntries(document.index, wanted, context.name);
  return chooseFirst(entries, wanted, depth, context);
}

/** The first entry whose image fits: those that state no platform have to be looked at. */
async function chooseFirst(
  entries: readonly Descriptor[],
  wanted: Platform,
  depth: number,
  context: PullContext,
): Promise<Chosen> {
  for (const descriptor of entries) {
    try {
      const chosen = await choose({ descriptor, bytes: undefined }, wanted, depth + 1, context);
      const isStated = descriptor.platform !== undefined;
      if (isStated || isCompatible(chosen.config.platform, wanted)) return chosen;
    } catch (error) {
      // An entry without platform may be anything, such as an artifact.
      const mayBeOther = descriptor.platform === undefined && isOcupError(error, 'E_IMAGE_FORMAT');
      if (!mayBeOther && !isOcupError(error, 'E_IMAGE_PLATFORM')) throw error;
    }
  }
  throw new OcupError(
    'E_IMAGE_PLATFORM',
    `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries of ${context.name}`,
  );
}

async function fetchDocument(target: OriginTarget, context: PullContext): Promise<Buffer> {
  const { layout, origin, lease } = context;
  const { descriptor } = target;
  await lease.protect([descriptor.digest]);
  const present = await layout.findDocument(descriptor);
  if (present !== undefined) return present;
  const bytes = target.bytes ?? (await origin.document(descriptor, callOf(context)));
  throwIfAborted(context.signal);
  await layout.addDocument(descriptor, bytes);
  return bytes;
}

/** A single manifest may be for another machine: Docker warns and goes on, unless a platform was asked for. */
function checkPlatform(config: ImageConfig, { platform, name, onProgress }: PullContext): void {
  if (isCompatible(config.platform, platform ?? hostPlatform())) return;
  const made = formatPlatform(config.platform);
  if (platform !== undefined) {
    throw new OcupError(
      'E_IMAGE_PLATFORM',
      `image ${name} was found but is made for ${made}, not for ${formatPlatform(platform)}`,
    );
  }
  const { os, architecture } = hostPlatform();
  const host = formatPlatform({ os, architecture });
  onProgress({
    kind: 'warning',
    message: `the image is made for ${made}, and this machine is ${host}`,
  });
}

/** The layers of an image with their chain IDs. @throws E_IMAGE_FORMAT when manifest and configuration disagree */
export function planLayers(manifest: Manifest, config: ImageConfig, name: string): LayerPlan[] {
  const { layers } = manifest;
  const { diffIds } = config;
  if (layers.length !== diffIds.length) {
    throw new OcupError(
      'E_IMAGE_FORMAT',
      `cannot read ${name}: its manifest has ${layers.length} layers, its configuration ${diffIds.length}`,
    );
  }
  const chain = chainIds(diffIds);
  return layers.flatMap((layer, at) => {
    const diffId = diffIds[at];
    const chainId = chain[at];
    if (diffId === undefined || chainId === undefined) return [];
    return [{ layer, diffId, chainId, below: chain.slice(0, at).reverse() }];
  });
}

function nameOf(descriptor: Descriptor, { name }: PullContext): string {
  return `${name} (${descriptor.digest})`;
}

function callOf({ signal, onProgress }: Pick<PullContext, 'signal' | 'onProgress'>): {
  readonly signal: AbortSignal;
  readonly onRetry: (reason: string, delayMs: number) => void;
  readonly onNotice: (message: string) => void;
} {
  return {
    signal,
    onNotice: (message) => onProgress({ kind: 'warning', message }),
    onRetry: (reason, delayMs) => onProgress({ kind: 'retry', reason, delayMs }),
  };
}
