import { isIPv4, isIPv6 } from 'node:net';

import { OcupError } from '../base/errors.ts';

export type Family = 4 | 6;

/** An IP address. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** A range of addresses with a common prefix; `base` has no bit beyond it. */
export interface Subnet {
  readonly family: Family;
  readonly base: bigint;
  readonly prefixLength: number;
}

/** How many bits an address of the family has. */
export const ADDRESS_BITS: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

/** The address `text` writes, in any notation RFC 4291 allows but with a zone. */
export function findAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, value: parseIpv4(text) };
  if (isIPv6(text) && !text.includes('%')) return { family: 6, value: parseIpv6(text) };
  return undefined;
}

/** @throws E_NETWORK_ADDRESS */
export function parseAddress(text: string): Address {
  const address = findAddress(text);
  if (address !== undefined) return address;
  throw new OcupError('E_NETWORK_ADDRESS', `invalid IP address: ${text}`);
}

/** The address as RFC 5952 wants it. */
export function formatAddress(address: Address): string {
  return address.family === 4 ? formatIpv4(address.value) : formatIpv6(address.value);
}

/** In network order, 4 or 16 bytes. */
export function addressBytes(address: Address): Buffer {
  const digits = ADDRESS_BITS[address.family] / 4;
  return Buffer.from(address.value.toString(16).padStart(digits, '0'), 'hex');
}

/** The address of 4 or 16 bytes in network order. */
export function addressOfBytes(bytes: Uint8Array): Address {
  const value = BigInt(`0x0${Buffer.from(bytes).toString('hex')}`);
  return { family: bytes.length === 4 ? 4 : 6, value };
}

/** The subnet that `text` (`172.28.0.0/16`) writes; bits beyond the prefix are dropped. */
export function findSubnet(text: string): Subnet | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = findAddress(match?.[1] ?? '');
  const prefixLength = Number(match?.[2]);
  if (address === undefined || prefixLength > ADDRESS_BITS[address.family]) return undefined;
  return subnetOf(address, prefixLength);
}

/** @throws E_NETWORK_ADDRESS */
export function parseSubnet(text: string): Subnet {
  const subnet = findSubnet(text);
  if (subnet !== undefined) return subnet;
  throw new OcupError('E_NETWORK_ADDRESS', `invalid subnet: ${text}`, {
    hint: 'Write it as an address and a prefix length, such as 172.28.0.0/16.',
  });
}

export function formatSubnet(subnet: Subnet): string {
  const address = formatAddress({ family: subnet.family, value: subnet.base });
  return `${address}/${subnet.prefixLength}`;
}

/** The subnet of that size in which `address` lies. */
export function subnetOf(address: Address, prefixLength: number): Subnet {
  const hostBits = BigInt(ADDRESS_BITS[address.family] - prefixLength);
  return { family: address.family, base: (address.value >> hostBits) << hostBits, prefixLength };
}

/** The highest value in a subnet: the broadcast address of IPv4. */
export function lastValue(subnet: Subnet): bigint {
  return subnet.base + (1n << BigInt(ADDRESS_BITS[subnet.family] - subnet.prefixLength)) - 1n;
}

export function isInSubnet(address: Address, subnet: Subnet): boolean {
  return (
    address.family === subnet.family &&
    address.value >= subnet.base &&
    address.value <= lastValue(subnet)
  );
}

export function isOverlapping(a: Subnet, b: Subnet): boolean {
  return a.family === b.family && a.base <= lastValue(b) && b.base <= lastValue(a);
}

/** A locally administered MAC address made from an IPv4 address, so that both always change together. */
export function macOfAddress(address: Address): string {
  const bytes = addressBytes(address).subarray(-4);
  return ['02', '42', ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

/** The six bytes of `02:42:ac:1c:00:02` or `02-42-…`. @throws E_NETWORK_ADDRESS */
export function parseMac(text: string): Buffer {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) {
    throw new OcupError('E_NETWORK_ADDRESS', `invalid MAC address: ${text}`);
  }
  return Buffer.from(text.replaceAll(/[:-]/g, ''), 'hex');
}

function parseIpv4(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) + BigInt(part), 0n);
}

function parseIpv6(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const first = parseGroups(head);
  const last = parseGroups(tail ?? '');
  const missing = Array.from({ length: 8 - first.length - last.length }, () => 0n);
  return [...first, ...missing, ...last].reduce((value, group) => (value << 16n) + group, 0n);
}

function parseGroups(text: string): readonly bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const ipv4 = parseIpv4(group);
    return [ipv4 >> 16n, ipv4 & 0xffffn];
  });
}

function formatIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => ((value >> shift) & 0xffn).toString()).join('.');
}

function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => (value >> BigInt(112 - 16 * i)) & 0xffffn);
  const { start, length } = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

function longestZeroRun(groups: readonly bigint[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [i, group] of groups.entries()) {
    length = group === 0n ? length + 1 : 0;
    if (length > best.length) best = { start: i - length + 1, length };
  }
  return best;
}
