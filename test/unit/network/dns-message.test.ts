import { describe, expect, test } from '@jest/globals';
import { decode, encode } from 'dns-packet';
import fc from 'fast-check';

import { parseAddress } from '../../../src/network/addresses.ts';
import { parseNameservers } from '../../../src/network/dns-forward.ts';
import {
  type DnsQuery,
  RCODE,
  addressRecord,
  formatAnswer,
  parseQuery,
  refuse,
} from '../../../src/network/dns-message.ts';

const query = (udpPayloadSize?: number): Buffer =>
  encode({
    type: 'query',
    id: 7,
    flags: 0x100,
    questions: [{ type: 'A', name: 'web' }],
    additionals:
      udpPayloadSize === undefined
        ? []
        : [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ],
  });

const records = (count: number) =>
  Array.from({ length: count }, (_, i) => addressRecord('web', parseAddress(`10.0.0.${i}`)));

describe('formatAnswer', () => {
  test('answers the question under its id', () => {
    const bytes = formatAnswer(
      parseQuery(query()) as DnsQuery,
      { rcode: 0, records: records(1) },
      'udp',
    );
    expect(decode(bytes)).toMatchObject({
      id: 7,
      type: 'response',
      questions: [{ name: 'web' }],
      answers: [{ data: '10.0.0.0' }],
      flag_ra: true,
      flag_rd: true,
    });
  });

  test.each([
    [undefined, 512],
    [200, 512],
    [1232, 1232],
  ])('keeps within what the asker takes by UDP: %s', (size, limit) => {
    const parsed = parseQuery(query(size)) as DnsQuery;
    const answer = { rcode: 0, records: records(100) };
    const cut = formatAnswer(parsed, answer, 'udp');
    expect(cut.length).toBeLessThanOrEqual(limit);
    expect(decode(cut)).toMatchObject({ flag_tc: true, answers: [] });
    const whole = decode(formatAnswer(parsed, answer, 'tcp'));
    expect(whole).toMatchObject({ flag_tc: false });
    expect(whole.answers).toHaveLength(100);
  });
});

describe('parseQuery', () => {
  test('says nothing to answers and fragments', () => {
    expect(parseQuery(encode({ type: 'response', id: 1 }))).toBeUndefined();
    expect(parseQuery(query().subarray(0, 11))).toBeUndefined();
  });

  test('refuses other operations, keeping the question', () => {
    const notify = query();
    notify.writeUInt16BE(0x2000, 2);
    const { refusal } = parseQuery(notify) as { refusal: Buffer };
    expect(decode(refusal)).toMatchObject({ rcode: 'NOTIMP', questions: [{ name: 'web' }] });
  });

  test('stands any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        parseQuery(Buffer.from(bytes));
      }),
    );
  });
});

describe('refuse', () => {
  test('is a message that can be read, whatever it refuses', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 80 }), (bytes) => {
        const refusal = refuse(Buffer.from(bytes), RCODE.serverFailure);
        expect(decode(refusal)).toMatchObject({ rcode: 'SERVFAIL', type: 'response' });
      }),
    );
  });
});

test('parseNameservers reads what resolv.conf says', () => {
  const text = '# nameserver 1.1.1.1\nnameserver 10.0.0.1\n  nameserver\tfd00::1 \nnameserver x\n';
  expect(parseNameservers(text)).toEqual(['10.0.0.1', 'fd00::1']);
});
