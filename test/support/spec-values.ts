// Complete inputs of `buildSpec` with short names.
import { resolveUser } from '../../src/bundle/resolve-user.ts';
import { portableHost } from '../../src/bundle/portable-host.ts';
import { PRIVATE_NAMESPACES } from '../../src/bundle/namespaces.ts';
import type { SpecInput } from '../../src/bundle/build-spec.ts';
import type { ContainerConfig } from '../../src/model/container.ts';
import { emptyImageConfig, type ImageConfig } from '../../src/model/image-config.ts';
import type { SpecHost } from '../../src/model/spec-host.ts';
import { containerConfig } from './project-values.ts';

export function imageConfig(changes: Partial<ImageConfig> = {}): ImageConfig {
  return { ...emptyImageConfig({ os: 'linux', architecture: 'amd64' }), ...changes };
}

export function specHost(changes: Partial<SpecHost> = {}): SpecHost {
  return { ...portableHost('amd64'), ...changes };
}

export interface SpecInputChanges extends Partial<Omit<SpecInput, 'config' | 'image' | 'host'>> {
  readonly config?: Partial<ContainerConfig>;
  readonly image?: Partial<ImageConfig>;
  readonly host?: Partial<SpecHost>;
}

export function specInput(changes: SpecInputChanges = {}): SpecInput {
  const { config, image, host, ...rest } = changes;
  return {
    config: containerConfig(config),
    image: imageConfig(image),
    purpose: 'run',
    hostname: 'web',
    args: ['/bin/true'],
    user: resolveUser({}, '', []),
    mounts: [],
    etcFiles: undefined,
    devices: [],
    namespaces: PRIVATE_NAMESPACES,
    shmPath: undefined,
    cgroupsPath: undefined,
    initPath: undefined,
    seccompProfile: undefined,
    host: specHost(host),
    ...rest,
  };
}
