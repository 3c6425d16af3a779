import { type Address, findAddress } from './addresses.ts';
import { type DnsAnswer, RCODE, addressRecord, pointerRecord } from './dns-message.ts';
import type { NameBook } from './name-book.ts';

/** Names of the machine that the containers run on. */
const HOST_NAMES: ReadonlySet<string> = new Set([
  'host.docker.internal',
  'host.containers.internal',
  'gateway.docker.internal',
]);

export interface DnsQuestion {
  readonly name: string;
  readonly type: string;
}

/** Who asks. */
export interface DnsAsker {
  readonly containerId: string;
  /** The host's address as the container sees it. */
  readonly hostAddress: Address | undefined;
}

/**
 * What we know ourselves about a question; undefined when others must be asked. A known name that has no
 * record of the type is answered with none, never with "no such name", which would hide its other records.
 *
 * @see RFC 2308 2.2
 */
export function lookUp(
  book: NameBook,
  asker: DnsAsker,
  question: DnsQuestion,
): DnsAnswer | undefined {
  const name = question.name.replace(/\.$/, '');
  if (question.type === 'PTR') return lookUpPointer(book, asker, question.name);
  const family = question.type === 'AAAA' ? 6 : 4;
  const known = HOST_NAMES.has(name.toLowerCase())
    ? [asker.hostAddress].filter((address) => address?.family === family)
    : book.findAddresses(asker.containerId, name, family);
  if (known === undefined) return undefined;
  const isAddressType = question.type === 'A' || question.type === 'AAAA';
  const addresses = isAddressType ? known.filter((address) => address !== undefined) : [];
  return {
    rcode: RCODE.ok,
    records: addresses.map((address) => addressRecord(question.name, address)),
  };
}

/** The address that `4.3.2.1.in-addr.arpa` or its IPv6 like asks for. */
export function findReverseAddress(name: string): Address | undefined {
  const ipv4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa\.?$/i.exec(name);
  if (ipv4 !== null) return findAddress(ipv4.slice(1).reverse().join('.'));
  const ipv6 = /^((?:[0-9a-f]\.){32})ip6\.arpa\.?$/i.exec(name);
  if (ipv6?.[1] === undefined) return undefined;
  const digits = ipv6[1].split('.').reverse().join('');
  return findAddress(digits.replaceAll(/(.{4})(?=.)/g, '$1:'));
}

function lookUpPointer(book: NameBook, asker: DnsAsker, name: string): DnsAnswer | undefined {
  const address = findReverseAddress(name);
  if (address === undefined) return undefined;
  const target = book.findName(asker.containerId, address);
  if (target === undefined || !isDomainName(target)) return undefined;
  return { rcode: RCODE.ok, records: [pointerRecord(name, target)] };
}

/** Names of networks may be longer than a label of a domain name. */
function isDomainName(name: string): boolean {
  return name.split('.').every((label) => label.length > 0 && Buffer.byteLength(label) < 64);
}
