import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import {
  type Address,
  addressBytes,
  addressOfBytes,
  findAddress,
  findSubnet,
  formatAddress,
  formatSubnet,
  isInSubnet,
  isOverlapping,
  lastValue,
  macOfAddress,
  parseMac,
  parseSubnet,
  subnetOf,
} from '../../../src/network/addresses.ts';

const ipv4 = fc.bigInt(0n, 2n ** 32n - 1n).map((value): Address => ({ family: 4, value }));
const ipv6 = fc.bigInt(0n, 2n ** 128n - 1n).map((value): Address => ({ family: 6, value }));
const anyAddress = fc.oneof(ipv4, ipv6);

describe('an address', () => {
  test('is read back as it was written', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        expect(findAddress(formatAddress(address))).toEqual(address);
        expect(addressOfBytes(addressBytes(address))).toEqual(address);
      }),
    );
  });

  test.each([
    ['::', '::'],
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['192.0.2.1', '192.0.2.1'],
  ])('%s is written %s', (text, written) => {
    expect(formatAddress(findAddress(text)!)).toBe(written);
  });

  test.each(['', '1.2.3', '1.2.3.256', '::1%eth0', 'localhost', '1.2.3.4/8'])(
    '%j is none',
    (text) => {
      expect(findAddress(text)).toBeUndefined();
    },
  );

  test('makes a MAC address of its last four bytes', () => {
    expect(macOfAddress(findAddress('172.28.0.2')!)).toBe('02:42:ac:1c:00:02');
    expect(parseMac('02-42-AC-1c-00-02').toString('hex')).toBe('0242ac1c0002');
    expect(() => parseMac('02:42:ac:1c:00')).toThrow('invalid MAC address');
  });
});

describe('a subnet', () => {
  test('is read back as it was written', () => {
    fc.assert(
      fc.property(anyAddress, fc.nat(128), (address, length) => {
        const subnet = subnetOf(address, address.family === 4 ? length % 33 : length);
        expect(parseSubnet(formatSubnet(subnet))).toEqual(subnet);
        expect(isInSubnet(address, subnet)).toBe(true);
      }),
    );
  });

  test('drops bits beyond its prefix', () => {
    expect(formatSubnet(parseSubnet('172.28.5.7/16'))).toBe('172.28.0.0/16');
  });

  test.each(['172.28.0.0', '172.28.0.0/33', '::/129', 'x/8', '/8'])('%j is none', (text) => {
    expect(findSubnet(text)).toBeUndefined();
  });

  test('overlaps another exactly when they share an address', () => {
    fc.assert(
      fc.property(ipv4, fc.nat(32), ipv4, fc.nat(32), (a, aLength, b, bLength) => {
        const one = subnetOf(a, aLength);
        const other = subnetOf(b, bLength);
        const shares =
          isInSubnet({ family: 4, value: one.base }, other) ||
          isInSubnet({ family: 4, value: other.base }, one);
        expect(isOverlapping(one, other)).toBe(shares);
        expect(isOverlapping(other, one)).toBe(shares);
      }),
    );
  });

  test('ends with its broadcast address', () => {
    const last = lastValue(parseSubnet('10.0.0.0/8'));
    expect(formatAddress({ family: 4, value: last })).toBe('10.255.255.255');
  });
});
