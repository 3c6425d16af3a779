import { OcupError } from '../base/errors.ts';
import type { ContainerConfig } from '../model/container.ts';

export interface HostsInput {
  readonly hostname: string;
  readonly domainname: string | undefined;
  /** `name → addresses`; `host-gateway` among them stands for `hostGateway`. */
  readonly extraHosts: Readonly<Record<string, readonly string[]>>;
  /** Undefined where there is no way to the host. */
  readonly hostGateway: string | undefined;
  /** The container's own, one a network. */
  readonly addresses: readonly string[];
}

/**
 * The content of `/etc/hosts`: the local names, the extra hosts by name, and the container's own names at
 * each of its addresses.
 *
 * @throws E_BUNDLE_INVALID for `host-gateway` without a way to the host
 * @see hosts(5)
 */
export function formatHosts(input: HostsInput): string {
  const extra = Object.keys(input.extraHosts)
    .sort()
    .flatMap((name) =>
      (input.extraHosts[name] ?? []).map((address) => [resolveGateway(address, name, input), name]),
    );
  const fullName = input.domainname ? `${input.hostname}.${input.domainname} ` : '';
  const own = input.addresses.map((address) => [address, `${fullName}${input.hostname}`]);
  return [...LOCAL_HOSTS, ...extra, ...own].map((line) => `${line.join('\t')}\n`).join('');
}

/** The content of `/etc/hostname`. */
export function formatHostname(hostname: string): string {
  return `${hostname}\n`;
}

/** What a resolver reads. @see resolv.conf(5) */
export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** Reads `/etc/resolv.conf`; what it does not know, and comments, are passed over. */
export function parseResolvConf(text: string): ResolvConf {
  const conf = { nameservers: new Array<string>(), search: new Array<string>() };
  const options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword = '', ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver') conf.nameservers.push(...values.slice(0, 1));
    // The last of them is the one that counts.
    else if (keyword === 'search' || keyword === 'domain') conf.search = values;
    else if (keyword === 'options') options.push(...values);
  }
  return { ...conf, options: [...new Set(options)] };
}

/** The content of `/etc/resolv.conf`. */
export function formatResolvConf(conf: ResolvConf): string {
  const lines = conf.nameservers.map((address) => `nameserver ${address}`);
  if (conf.search.length > 0) lines.push(`search ${conf.search.join(' ')}`);
  if (conf.options.length > 0) lines.push(`options ${conf.options.join(' ')}`);
  return lines.map((line) => `${line}\n`).join('');
}

/** Where a container's name server listens in its own network namespace. */
export const EMBEDDED_DNS = '127.0.0.11';

type DnsConfig = Pick<ContainerConfig, 'dns' | 'dnsSearch' | 'dnsOptions'>;

/**
 * How a container resolves names. On networks it asks the embedded server, which knows the config's or the
 * host's servers, and asks for a name as it stands first; else it asks those itself. Search domains and
 * options of the config take the place of the host's, and a search domain `.` is none.
 */
export function containerResolvConf(
  config: DnsConfig,
  host: ResolvConf,
  hasEmbeddedDns: boolean,
): ResolvConf {
  const search = config.dnsSearch.length > 0 ? config.dnsSearch : host.search;
  const options = config.dnsOptions.length > 0 ? config.dnsOptions : host.options;
  const hasNdots = options.some((option) => option.startsWith('ndots:'));
  return {
    nameservers: hasEmbeddedDns ? [EMBEDDED_DNS] : upstreamServers(config, host),
    search: search.filter((domain) => domain !== '.'),
    options: hasEmbeddedDns && !hasNdots ? [...options, 'ndots:0'] : options,
  };
}

/** The servers that know all other names: the config's, else the host's. */
export function upstreamServers(
  config: Pick<DnsConfig, 'dns'>,
  host: ResolvConf,
): readonly string[] {
  return config.dns.length > 0 ? config.dns : host.nameservers;
}

const LOCAL_HOSTS: readonly (readonly string[])[] = [
  ['127.0.0.1', 'localhost'],
  ['::1', 'localhost ip6-localhost ip6-loopback'],
  ['fe00::0', 'ip6-localnet'],
  ['ff00::0', 'ip6-mcastprefix'],
  ['ff02::1', 'ip6-allnodes'],
  ['ff02::2', 'ip6-allrouters'],
];

function resolveGateway(address: string, name: string, { hostGateway }: HostsInput): string {
  if (address !== 'host-gateway') return address;
  if (hostGateway !== undefined) return hostGateway;
  throw new OcupError(
    'E_BUNDLE_INVALID',
    `cannot resolve host-gateway for ${name}: the container has no way to the host`,
    { hint: 'Attach it to a network, or write an address.' },
  );
}
