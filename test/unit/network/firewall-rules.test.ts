import { describe, expect, test } from '@jest/globals';

import { parseAddress, parseSubnet } from '../../../src/network/addresses.ts';
import {
  type FirewallModel,
  type FirewallNetwork,
  type PortForward,
  findAdditions,
  formatAdditions,
  formatRules,
  parseTableFamilies,
} from '../../../src/network/firewall-rules.ts';

const network = (bridge: string, changes: Partial<FirewallNetwork> = {}): FirewallNetwork => ({
  bridge,
  ipv4: parseSubnet('172.28.0.0/16'),
  ipv6: undefined,
  isInternal: false,
  isMasqueraded: true,
  isOpenInside: true,
  ...changes,
});

const forward = (hostPort: number, changes: Partial<PortForward> = {}): PortForward => ({
  protocol: 'tcp',
  hostAddress: undefined,
  hostPort,
  target: parseAddress('172.28.0.2'),
  targetPort: 80,
  ...changes,
});

describe('formatAdditions', () => {
  test('opens a way out for a network, and keeps the bridge for answers', () => {
    expect(formatAdditions('t', { networks: [network('b')], forwards: [] })).toBe(
      [
        'add element ip t bridges { "b" }',
        'add rule ip t inside iifname "b" oifname "b" accept',
        'add rule ip t leaving oifname "b" ip saddr 172.28.0.0/16 ct status dnat masquerade',
        'add rule ip t leaving oifname != "b" ip saddr 172.28.0.0/16 masquerade',
        '',
      ].join('\n'),
    );
  });

  test('shuts an internal network, and one whose containers are kept apart', () => {
    const text = formatAdditions('t', {
      networks: [network('b', { isInternal: true, isOpenInside: false })],
      forwards: [],
    });
    expect(text).toContain('internal iifname "b" oifname != "b" drop');
    expect(text).toContain('internal iifname != "b" oifname "b" drop');
    expect(text).toContain('inside iifname "b" oifname "b" drop');
    expect(text).not.toContain('oifname != "b" ip saddr');
  });

  test('gives IPv6 networks rules in both families', () => {
    const text = formatAdditions('t', {
      networks: [network('b', { ipv6: parseSubnet('fd00::/64') })],
      forwards: [],
    });
    expect(text).toContain('add rule ip6 t leaving oifname != "b" ip6 saddr fd00::/64 masquerade');
  });

  test('enters ports by protocol and address', () => {
    const forwards = [
      forward(8080),
      forward(53, { protocol: 'udp', hostAddress: parseAddress('127.0.0.1') }),
    ];
    expect(formatAdditions('t', { networks: [], forwards })).toBe(
      [
        'add element ip t bound_udp { 127.0.0.1 . 53 : 172.28.0.2 . 80 }',
        'add element ip t open_tcp { 8080 : 172.28.0.2 . 80 }',
        '',
      ].join('\n'),
    );
  });
});

describe('formatRules', () => {
  test('is the same for the same model in another order', () => {
    const one = { networks: [network('a'), network('b')], forwards: [forward(1), forward(2)] };
    const other = { networks: [network('b'), network('a')], forwards: [forward(2), forward(1)] };
    expect(formatRules('t', one, [])).toBe(formatRules('t', other, []));
  });

  test('leaves nothing when there is no network', () => {
    const none = { networks: [], forwards: [] };
    expect(formatRules('t', none, ['ip', 'ip6'])).toBe('delete table ip t\ndelete table ip6 t\n');
    expect(formatRules('t', none, [])).toBe('');
  });
});

test('parseTableFamilies finds our table, not others whose names begin like it', () => {
  const listing = 'table ip t\ntable ip6 tt\ntable inet t\ntable ip nat\n';
  expect(parseTableFamilies('t', listing)).toEqual(['ip']);
});

describe('findAdditions', () => {
  const model = (
    networks: readonly FirewallNetwork[],
    ports: readonly number[],
  ): FirewallModel => ({
    networks,
    forwards: ports.map((port) => forward(port)),
  });

  test('is what comes in addition', () => {
    const before = model([network('a')], [1]);
    const after = model([network('a'), network('b')], [1, 2]);
    expect(findAdditions(before, after)).toEqual(model([network('b')], [2]));
    expect(findAdditions(after, after)).toEqual(model([], []));
  });

  test.each([
    ['a port is gone', model([network('a')], [1]), model([network('a')], [])],
    ['a network is gone', model([network('a'), network('b')], []), model([network('a')], [])],
    [
      'a port leads elsewhere',
      model([network('a')], [1]),
      {
        networks: [network('a')],
        forwards: [forward(1, { target: parseAddress('172.28.0.9') })],
      },
    ],
    [
      'a network changed',
      model([network('a')], []),
      model([network('a', { isInternal: true })], []),
    ],
    ['there was no network', model([], []), model([network('a')], [])],
    [
      'IPv6 is new',
      model([network('a')], []),
      model([network('a'), network('b', { ipv6: parseSubnet('fd00::/64') })], []),
    ],
  ])('is nothing when %s', (_, before, after) => {
    expect(findAdditions(before, after)).toBeUndefined();
  });
});
