import { BlockList, isIP } from 'node:net';

import { OcupError } from '../../base/errors.ts';
import { hostName } from './hosts.ts';

type Env = Readonly<Record<string, string | undefined>>;

const PROTOCOLS: ReadonlySet<string> = new Set([
  'http:',
  'https:',
  'socks:',
  'socks5:',
  'socks5h:',
]);

/** What a file of settings says, for the variables that the environment does not have. */
export interface ProxyDefaults {
  readonly HTTP_PROXY?: ProxyDefault | undefined;
  readonly HTTPS_PROXY?: ProxyDefault | undefined;
  readonly NO_PROXY?: ProxyDefault | undefined;
}

export interface ProxyDefault {
  readonly text: string;
  /** Where it is written. */
  readonly place: string;
}

/**
 * The proxy for an address by `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case or upper;
 * undefined: none. A variable that is set, be it to nothing, stands before its default.
 * @throws E_IMAGE_REGISTRY when the variable holds no address of a proxy of HTTP or SOCKS 5
 */
export function findProxy(url: URL, env: Env, defaults: ProxyDefaults = {}): URL | undefined {
  const found = findAddress(url, env, defaults);
  const exempt = find('NO_PROXY', env) ?? defaults.NO_PROXY?.text ?? '';
  if (found === undefined || isExempt(url, exempt)) return undefined;
  const { text, place } = found;
  const address = text.includes('://') ? text : `http://${text}`;
  const proxy = URL.canParse(address) ? new URL(address) : undefined;
  const isKnown = proxy !== undefined && PROTOCOLS.has(proxy.protocol) && proxy.hostname !== '';
  if (!isKnown) throw unusable(place, 'it is not an address of HTTP or SOCKS 5');
  if (!isDecodable(proxy.username + proxy.password)) {
    throw unusable(place, 'a % in its user name or password is to be written %25');
  }
  return proxy;
}

/** Whether a proxy speaks SOCKS. As in Go's programs `socks5` and `socks5h` are one: the proxy looks names up. */
export function isSocks(proxy: URL): boolean {
  return proxy.protocol.startsWith('socks');
}

function findAddress(url: URL, env: Env, defaults: ProxyDefaults): ProxyDefault | undefined {
  const own = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  for (const place of [own, 'ALL_PROXY']) {
    const text = find(place, env) ?? '';
    if (text !== '') return { text, place };
  }
  return find(own, env) === undefined ? defaults[own] : undefined;
}

function find(name: string, env: Env): string | undefined {
  return env[name.toLowerCase()] ?? env[name];
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** The address itself may hold a password. */
function unusable(place: string, reason: string): OcupError {
  return new OcupError('E_IMAGE_REGISTRY', `cannot use the proxy in ${place}: ${reason}`);
}

/** `example.com` stands for itself and what is below, `.example.com` and `*.example.com` for what is below. */
function isExempt(url: URL, list: string): boolean {
  const host = hostName(url.host).toLowerCase();
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => entry === '*' || covers(entry, host, port));
}

function covers(entry: string, host: string, port: string): boolean {
  if (isIP(host) !== 0 && entry.includes('/')) return isInRange(host, entry);
  const match = isIP(entry) === 0 ? /^(.*):(\d+)$/.exec(entry) : null;
  if (match !== null && match[2] !== port) return false;
  const name = hostName(match?.[1] ?? entry).replace(/^\*(?=\.)/, '');
  if (name.startsWith('.')) return host.endsWith(name);
  return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`));
}

/** Whether an address is in `10.0.0.0/8` or the like. */
export function isInRange(address: string, range: string): boolean {
  const [start = '', length = ''] = range.split('/');
  const family = isIP(start) === 4 ? 'ipv4' : 'ipv6';
  const isRange = isIP(start) !== 0 && isIP(start) === isIP(address) && /^\d{1,3}$/.test(length);
  if (!isRange || Number(length) > (family === 'ipv4' ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(start, Number(length), family);
  return list.check(address, family);
}
