import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { AddressBook } from '../../../src/network/address-book.ts';
import {
  formatAddress,
  isInSubnet,
  parseAddress,
  parseSubnet,
} from '../../../src/network/addresses.ts';
import type { AddressPlan } from '../../../src/network/network-plan.ts';

function plan(changes: Partial<AddressPlan> = {}): AddressPlan {
  return {
    subnet: parseSubnet('10.0.0.0/29'),
    gateway: parseAddress('10.0.0.1'),
    range: parseSubnet('10.0.0.0/29'),
    reserved: [parseAddress('10.0.0.3')],
    ...changes,
  };
}

const give = (book: AddressBook, owner: string, previous?: string): string =>
  formatAddress(book.allocate(owner, previous));

describe('an address book', () => {
  test('gives each free address once, then says that none is left', () => {
    const book = new AddressBook(plan());
    const given = ['a', 'b', 'c', 'd'].map((owner) => give(book, owner));
    expect(given).toEqual(['10.0.0.2', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
    expect(() => give(book, 'e')).toThrow('no available addresses in 10.0.0.0/29');
  });

  test('gives a released address last, or at once to its former owner', () => {
    const book = new AddressBook(plan());
    const first = give(book, 'a');
    book.release('a');
    expect(give(book, 'b')).not.toBe(first);
    expect(give(book, 'a', first)).toBe(first);
  });

  test('gives another address when the former one is taken or no longer fits', () => {
    const book = new AddressBook(plan());
    const first = give(book, 'a');
    expect(give(book, 'b', first)).not.toBe(first);
    expect(give(book, 'c', '192.0.2.1')).toMatch(/^10\.0\.0\./);
    expect(give(book, 'd', 'nonsense')).toMatch(/^10\.0\.0\./);
  });

  test('takes addresses from its range, and asked ones from the whole subnet', () => {
    const book = new AddressBook(plan({ range: parseSubnet('10.0.0.4/31') }));
    expect([give(book, 'a'), give(book, 'b')]).toEqual(['10.0.0.4', '10.0.0.5']);
    expect(() => give(book, 'c')).toThrow('no available addresses');
    expect(formatAddress(book.take('c', parseAddress('10.0.0.6')))).toBe('10.0.0.6');
  });

  test.each(['10.0.0.0', '10.0.0.1', '10.0.0.3', '10.0.0.7'])('never gives %s', (address) => {
    expect(() => new AddressBook(plan()).take('a', parseAddress(address))).toThrow(
      `address ${address} is already in use`,
    );
  });

  test('refuses an address that is not in the subnet', () => {
    expect(() => new AddressBook(plan()).take('a', parseAddress('10.0.0.8'))).toThrow(
      'is not in subnet 10.0.0.0/29',
    );
  });

  test('INVARIANT: no address has two owners', () => {
    const step = fc.record({
      owner: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      isRelease: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const book = new AddressBook(plan());
        const held = new Map<string, string>();
        for (const { owner, isRelease } of steps) {
          if (isRelease) {
            book.release(owner);
            held.delete(owner);
          } else if (!held.has(owner) && held.size < 4) {
            const address = give(book, owner);
            expect([...held.values()]).not.toContain(address);
            expect(isInSubnet(parseAddress(address), plan().range)).toBe(true);
            held.set(owner, address);
          }
        }
      }),
    );
  });
});
