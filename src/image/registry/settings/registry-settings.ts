import { type Reference, formatFamiliarReference } from '../../../model/reference.ts';
import { parseInsecureRegistries } from '../hosts.ts';
import { readDockerDaemon } from './docker-daemon.ts';
import { type Endpoint, endpointAt } from './endpoint.ts';
import { findHostsToml } from './hosts-toml.ts';
import { type ConfFile, findRegistriesConf, readRegistriesConf } from './registries-conf.ts';
import { findAlias } from './short-names.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Where a reference's content is asked for, in this order: the mirrors, then the registry. */
export interface RegistryWay {
  readonly mirrors: readonly Endpoint[];
  /** Whether the registry itself is among the mirrors, so that it is not asked once more. */
  readonly isComplete: boolean;
  /** The reference as the registry is asked for it. */
  readonly upstream: Reference;
  /** What the user should know of `upstream`. */
  readonly notice?: string | undefined;
  /** Whether the registry may be spoken to in the clear, or with a certificate that is not valid. */
  readonly isInsecure: boolean;
}

/**
 * What the machine's settings say of registries: aliases of `registries.conf` first, then containerd's `hosts.toml`,
 * else `registries.conf` of containers/image, else Docker's `daemon.json`, and `OCUP_INSECURE_REGISTRIES` in any case.
 * They are read once for each reference object, that is for each pull.
 */
export class RegistrySettings {
  private readonly env: Env;
  private readonly ways = new WeakMap<Reference, Promise<RegistryWay>>();

  constructor(env: Env) {
    this.env = env;
  }

  /** @throws E_IMAGE_REGISTRY when settings cannot be used, E_IMAGE_DENIED when they block the registry */
  find(reference: Reference): Promise<RegistryWay> {
    const known = this.ways.get(reference);
    if (known !== undefined) return known;
    const found = findWay(reference, this.env);
    this.ways.set(reference, found);
    return found;
  }
}

async function findWay(named: Reference, env: Env): Promise<RegistryWay> {
  const files = await readRegistriesConf(env);
  const alias = findAlias(named, files);
  if (alias === undefined) return findPlainWay(named, files, env);
  const way = await findPlainWay(alias.reference, files, env);
  const place = formatFamiliarReference(alias.reference);
  return { ...way, notice: `it is ${place}, by an alias in ${alias.path}` };
}

async function findPlainWay(
  reference: Reference,
  files: readonly ConfFile[],
  env: Env,
): Promise<RegistryWay> {
  const insecure = parseInsecureRegistries(env['OCUP_INSECURE_REGISTRIES']);
  const daemon = await readDockerDaemon(env);
  const isInsecure = ({ domain }: Reference): boolean =>
    insecure.has(domain) || daemon.isInsecure(domain);
  const hosts = await findHostsToml(reference, env);
  if (hosts !== undefined) {
    const { endpoints, isComplete } = hosts;
    return {
      mirrors: endpoints,
      isComplete,
      upstream: reference,
      isInsecure: isInsecure(reference),
    };
  }
  const conf = findRegistriesConf(reference, files);
  if (conf !== undefined) {
    const { mirrors, upstream } = conf;
    return {
      mirrors,
      isComplete: false,
      upstream,
      isInsecure: conf.isInsecure || isInsecure(upstream),
    };
  }
  const isHub = reference.domain === 'docker.io';
  const { repository } = reference;
  return {
    mirrors: isHub ? daemon.mirrors.map((url) => endpointAt({ url, repository })) : [],
    isComplete: false,
    upstream: reference,
    isInsecure: isInsecure(reference),
  };
}
