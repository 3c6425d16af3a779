import { endianness } from 'node:os';

import { describe, expect, test } from '@jest/globals';

import { addAddress, addBridge, addDefaultRoute } from '../../../src/native/link-messages.ts';
import {
  attribute,
  decodeAttributes,
  decodeReplies,
  encodeMessages,
  nested,
  text,
  u32,
} from '../../../src/native/netlink.ts';

const spaced = (bytes: Buffer): string => bytes.toString('hex').replaceAll(/(.{8})(?=.)/g, '$1 ');
const onLittle = endianness() === 'LE' ? test : test.skip;

describe('encodeMessages', () => {
  onLittle('writes an address as the kernel reads it', () => {
    const bytes = Buffer.from([172, 28, 0, 2]);
    const message = addAddress(7, { bytes, prefixLength: 16 });
    expect(spaced(encodeMessages([message]))).toBe(
      [
        // length 48, RTM_NEWADDR, CREATE|REPLACE|ACK|REQUEST, number 1, any port
        '30000000 14000505 01000000 00000000',
        // AF_INET /16, link 7
        '02100000 07000000',
        // IFA_LOCAL, IFA_ADDRESS, IFA_BROADCAST
        '08000200 ac1c0002 08000100 ac1c0002 08000400 ac1cffff',
      ].join(' '),
    );
  });

  onLittle('writes a default route as the kernel reads it', () => {
    const message = addDefaultRoute(7, Buffer.from([172, 28, 0, 1]));
    expect(spaced(encodeMessages([message]))).toBe(
      [
        '2c000000 18000506 01000000 00000000',
        // AF_INET, to /0, main table, static, universe, unicast
        '02000000 fe040001 00000000',
        // RTA_GATEWAY, RTA_OIF
        '08000500 ac1c0001 08000400 07000000',
      ].join(' '),
    );
  });

  test('numbers messages and aligns each to four bytes', () => {
    const message = addBridge('abc', Buffer.alloc(6), undefined);
    const one = encodeMessages([message]);
    const two = encodeMessages([message, message]);
    expect(one.length % 4).toBe(0);
    expect(two.length).toBe(2 * one.length);
    expect(two.subarray(one.length + 8, one.length + 9)[0]).toBe(endianness() === 'LE' ? 2 : 0);
  });
});

describe('attributes', () => {
  test('are read back, nested ones too', () => {
    const bytes = Buffer.concat([attribute(3, text('eth0')), nested(18, attribute(1, u32(7)))]);
    const outer = decodeAttributes(bytes);
    expect(outer.get(3)).toEqual(Buffer.from('eth0\0'));
    expect(decodeAttributes(outer.get(18)!).get(1)).toEqual(u32(7));
  });

  test('that are cut short end the list', () => {
    expect(decodeAttributes(Buffer.from([0, 0, 0, 0, 9, 9])).size).toBe(0);
  });
});

describe('decodeReplies', () => {
  const error = (errno: number): Buffer =>
    encodeMessages([
      { type: 2, flags: 0, body: Buffer.concat([u32(-errno >>> 0), Buffer.alloc(16)]) },
    ]);

  test('takes an acknowledgement as no reply, and an error as one to throw', () => {
    expect(decodeReplies(error(0))).toEqual([]);
    expect(() => decodeReplies(Buffer.concat([error(0), error(17)]))).toThrow(
      expect.objectContaining({ code: 'EEXIST', errno: 17, syscall: 'netlink' }),
    );
  });
});
