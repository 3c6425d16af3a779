import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { OcupError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { Scope } from '../base/scope.ts';
import { findSpecWarnings } from '../bundle/build-spec.ts';
import { resolveUser, type ResolvedUser } from '../bundle/resolve-user.ts';
import type { ContainerConfig } from '../model/container.ts';
import type { Image } from '../model/image.ts';
import { parseImageSource } from '../model/reference.ts';
import type { SpecHost } from '../model/spec-host.ts';
import { timestamp } from './clock.ts';
import type { SupervisedContainer } from './container.ts';
import type { ContainerPaths } from './container-paths.ts';
import type { Containers } from './containers.ts';
import type { ImagesPort } from './images-port.ts';
import type { Launcher } from './launcher.ts';
import { inheritableVolumes, planMounts, volumeMounts } from './mount-plan.ts';
import type { ContainerRecord } from './record.ts';
import type { RecordStore } from './record-store.ts';
import { parseSignal } from './signals.ts';
import type { Volumes } from './volumes.ts';

export interface MakerOptions {
  readonly images: ImagesPort;
  readonly volumes: Volumes;
  readonly containers: Containers;
  readonly store: RecordStore;
  readonly launcher: Launcher;
  readonly host: () => Promise<SpecHost>;
  readonly logger: Logger;
}

/**
 * Makes a container: name, volumes, folders, bundle, and last its record. Nothing is left when it fails, and
 * what a crash leaves is removed at the next start.
 *
 * @throws E_CONTAINER_EXISTS, E_CONTAINER_CREATE, E_CONTAINER_MOUNT, E_IMAGE_NOT_FOUND, E_BUNDLE_…, E_VOLUME_…
 */
export async function makeContainer(
  options: MakerOptions,
  config: ContainerConfig,
  inheritVolumesOf: string | undefined,
): Promise<SupervisedContainer> {
  const { containers, images, store, volumes, launcher } = options;
  const id = randomBytes(32).toString('hex');
  await using scope = new Scope();
  scope.defer(containers.reserveName(config.name, id));
  if (config.stopSignal !== undefined) parseSignal(config.stopSignal);
  const { image, letGo } = await holdImage(options, config);
  scope.defer(letGo);
  const { mounts, newAnonymous } = planMounts({
    mounts: config.mounts,
    imageVolumes: image.config.volumes,
    inherited: findInherited(options, inheritVolumesOf),
    makeName: () => randomBytes(32).toString('hex'),
  });
  const record: ContainerRecord = {
    version: 1,
    id,
    createdAt: timestamp(),
    config,
    imageId: image.id,
    image: image.config,
    layers: images.layerPaths(image),
    user: await lookUpUser(images, image, config),
    mounts,
  };
  const letGoOfParts = containers.holdRecord(record);
  scope.defer(letGoOfParts);
  await store.begin(record, newAnonymous);
  scope.defer(() => store.remove(id));
  const anonymous = new Set(newAnonymous);
  await makeVolumes(record, { volumes, anonymous, scope, letGo: letGoOfParts });
  makeFolders(launcher.paths(id));
  await launcher.prepare(record);
  await store.commit(record);
  scope.release();
  const container = containers.add(record);
  letGo();
  letGoOfParts();
  container.tell({ action: 'create' });
  await warn(options, record);
  return container;
}

/** The anonymous volumes of the container that this one replaces. @throws E_CONTAINER_NOT_FOUND */
function findInherited(
  { containers, volumes }: MakerOptions,
  inheritVolumesOf: string | undefined,
): ReadonlyMap<string, string> {
  if (inheritVolumesOf === undefined) return new Map();
  const { mounts } = containers.get(inheritVolumesOf).record;
  return inheritableVolumes(mounts, (name) => volumes.find(name)?.isAnonymous ?? false);
}

/** Blocking: handing such small steps to threads and back costs more than they take. */
function makeFolders({ bundle, upper, work, rootfs }: ContainerPaths): void {
  for (const folder of [bundle, upper, work, rootfs]) mkdirSync(folder, { recursive: true });
}

/** The image of a container or bundle, which is not removed until `letGo` is called. @throws E_IMAGE_NOT_FOUND */
export async function holdImage(
  { images, containers }: Pick<MakerOptions, 'images' | 'containers'>,
  config: ContainerConfig,
): Promise<{ readonly image: Image; readonly letGo: () => void }> {
  let letGo = (): void => undefined;
  const hold = (found: Image): void => {
    const layers = images.layerPaths(found);
    letGo = containers.holdImage({ name: config.name, imageId: found.id, layers });
  };
  const image = await images.findHeld(parseImageSource(config.image), config.platform, hold);
  if (image !== undefined) return { image, letGo };
  throw new OcupError('E_IMAGE_NOT_FOUND', `no such image: ${config.image}`, {
    hint: 'Pull it first.',
  });
}

/** @throws E_BUNDLE_USER */
export async function lookUpUser(
  images: ImagesPort,
  image: Image,
  config: Pick<ContainerConfig, 'user' | 'groupAdd'>,
): Promise<ResolvedUser> {
  const view = images.openRootView(image);
  const [passwd, group] = await Promise.all([
    view.readFile('/etc/passwd'),
    view.readFile('/etc/group'),
  ]);
  const files = { passwd: passwd?.toString('utf8'), group: group?.toString('utf8') };
  return resolveUser(files, config.user ?? image.config.user, config.groupAdd);
}

/** Named volumes that are missing are made as well; they stay when the container does not come to be. */
async function makeVolumes(
  record: ContainerRecord,
  options: {
    readonly volumes: Volumes;
    readonly anonymous: ReadonlySet<string>;
    readonly scope: Scope;
    readonly letGo: () => void;
  },
): Promise<void> {
  const { volumes, anonymous, scope, letGo } = options;
  for (const { volume: name } of volumeMounts(record.mounts)) {
    if (volumes.find(name) !== undefined) continue;
    const isAnonymous = anonymous.has(name);
    const config = { name, driver: 'local', driverOptions: {}, labels: {} };
    await volumes.create(config, { isAnonymous });
    if (!isAnonymous) continue;
    scope.defer(() => {
      letGo();
      return volumes.remove(name);
    });
  }
}

/** What is left out or cut does no harm, but should not go unsaid. */
async function warn({ host, logger }: MakerOptions, record: ContainerRecord): Promise<void> {
  const { config } = record;
  const warnings = [...findSpecWarnings({ config, host: await host() })];
  const driver = config.logging?.driver;
  if (driver !== undefined && !KEPT_DRIVERS.has(driver)) {
    warnings.push(`logging driver ${driver} is not supported: logs are kept as local ones`);
  }
  for (const warning of warnings) logger.warn(`container ${config.name}: ${warning}`);
}

const KEPT_DRIVERS: ReadonlySet<string> = new Set(['local', 'json-file', 'none', 'journald']);
