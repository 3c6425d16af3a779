import { beforeEach, describe, expect, test } from '@jest/globals';

import { formatAddress, parseAddress } from '../../../src/network/addresses.ts';
import { findReverseAddress, lookUp } from '../../../src/network/dns-lookup.ts';
import { NameBook } from '../../../src/network/name-book.ts';

let book: NameBook;

const find = (asker: string, name: string, family: 4 | 6 = 4): string[] | undefined =>
  book.findAddresses(asker, name, family)?.map(formatAddress);

beforeEach(() => {
  book = new NameBook();
  book.set('one', [
    { network: 'front', addresses: [parseAddress('10.0.0.2')], names: ['one', 'web'] },
  ]);
  book.set('two', [
    { network: 'front', addresses: [parseAddress('10.0.0.3')], names: ['two', 'web'] },
    {
      network: 'back',
      addresses: [parseAddress('10.1.0.3'), parseAddress('fd00::3')],
      names: ['two', 'db'],
    },
  ]);
  book.set('three', [{ network: 'back', addresses: [parseAddress('10.1.0.4')], names: ['three'] }]);
});

describe('a name', () => {
  test('means the addresses on networks that the asker is on', () => {
    expect(find('one', 'two')).toEqual(['10.0.0.3']);
    expect(find('three', 'two')).toEqual(['10.1.0.3']);
    expect(find('two', 'two')).toEqual(['10.0.0.3', '10.1.0.3']);
    expect(find('one', 'db')).toBeUndefined();
    expect(find('one', 'three')).toBeUndefined();
    expect(find('unknown', 'one')).toBeUndefined();
  });

  test('can say its network, and matters in no case', () => {
    expect(find('two', 'TWO.Back')).toEqual(['10.1.0.3']);
    expect(find('one', 'two.back')).toBeUndefined();
  });

  test('without an address of the family is known all the same', () => {
    expect(find('three', 'two', 6)).toEqual(['fd00::3']);
    expect(find('one', 'two', 6)).toEqual([]);
  });

  test('that is shared turns, also when both families are asked in turn', () => {
    const firsts = [1, 2, 3, 4].map(() => {
      find('one', 'web', 6);
      return find('one', 'web')?.[0];
    });
    expect(new Set(firsts)).toEqual(new Set(['10.0.0.2', '10.0.0.3']));
    expect(firsts[0]).not.toBe(firsts[1]);
  });

  test('is forgotten with its container', () => {
    book.remove('two');
    expect(find('one', 'two')).toBeUndefined();
    expect(find('one', 'web')).toEqual(['10.0.0.2']);
  });

  test('is found backwards on shared networks', () => {
    expect(book.findName('three', parseAddress('10.1.0.3'))).toBe('two.back');
    expect(book.findName('one', parseAddress('10.1.0.3'))).toBeUndefined();
  });
});

describe('a question', () => {
  const asker = { containerId: 'one', hostAddress: parseAddress('10.0.0.1') };

  test('about another type of a known name has an empty answer', () => {
    expect(lookUp(book, asker, { name: 'two', type: 'MX' })).toEqual({ rcode: 0, records: [] });
  });

  test('about an unknown name is left to others', () => {
    expect(lookUp(book, asker, { name: 'example.org', type: 'A' })).toBeUndefined();
    expect(lookUp(book, asker, { name: '1.2.0.192.in-addr.arpa', type: 'PTR' })).toBeUndefined();
  });

  test('about the host has its address as the container sees it', () => {
    const answer = lookUp(book, asker, { name: 'Host.Docker.Internal', type: 'A' });
    expect(answer?.records).toMatchObject([{ data: '10.0.0.1', ttl: 5 }]);
    expect(lookUp(book, asker, { name: 'host.docker.internal', type: 'AAAA' })?.records).toEqual(
      [],
    );
  });

  test.each([
    ['3.0.0.10.in-addr.arpa', '10.0.0.3'],
    ['3.0.0.10.IN-ADDR.ARPA.', '10.0.0.3'],
    [`3.${'0.'.repeat(29)}d.f.ip6.arpa`, 'fd00::3'],
    ['0.10.in-addr.arpa', undefined],
    ['999.0.0.10.in-addr.arpa', undefined],
    ['example.org', undefined],
  ])('about %s is about %s', (name, address) => {
    const found = findReverseAddress(name);
    expect(found === undefined ? undefined : formatAddress(found)).toBe(address);
  });

  test('is not answered with a name that DNS cannot carry', () => {
    book.set('long', [
      { network: 'x'.repeat(64), addresses: [parseAddress('10.9.0.2')], names: ['long'] },
    ]);
    const question = { name: '2.0.9.10.in-addr.arpa', type: 'PTR' };
    expect(lookUp(book, { ...asker, containerId: 'long' }, question)).toBeUndefined();
  });
});
