import { BlockList, isIP } from 'node:net';

import { OcupError } from '../../base/errors.ts';
import { hostName } from './hosts.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for an address by `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case or upper;
 * undefined: none.
 * @throws E_IMAGE_REGISTRY when the variable holds no address of an HTTP proxy
 */
export function findProxy(url: URL, env: Env): URL | undefined {
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const text = read(name, env) ?? read('all_proxy', env);
  if (text === undefined || isExempt(url, read('no_proxy', env) ?? '')) return undefined;
  const address = text.includes('://') ? text : `http://${text}`;
  const proxy = URL.canParse(address) ? new URL(address) : undefined;
  if (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') return proxy;
  throw new OcupError(
    'E_IMAGE_REGISTRY',
    `cannot use the proxy in ${name.toUpperCase()}: it is not an address of HTTP`,
  );
}

function read(name: string, env: Env): string | undefined {
  const value = env[name] ?? env[name.toUpperCase()] ?? '';
  return value === '' ? undefined : value;
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
