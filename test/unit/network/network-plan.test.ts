import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { AddressPool, NetworkConfig } from '../../../src/model/network.ts';
import {
  formatAddress,
  formatSubnet,
  isOverlapping,
  parseSubnet,
} from '../../../src/network/addresses.ts';
import { pickSubnet, planNetwork } from '../../../src/network/network-plan.ts';
import { networkConfig } from '../../support/network-values.ts';

const ID = 'ab'.repeat(32);

const withPool = (pool: Partial<AddressPool>): NetworkConfig =>
  networkConfig('web', {
    pools: [
      { subnet: undefined, gateway: undefined, ipRange: undefined, auxAddresses: {}, ...pool },
    ],
  });

describe('pickSubnet', () => {
  test('goes through the pools in order', () => {
    const taken: ReturnType<typeof pickSubnet>[] = [];
    for (let i = 0; i < 16; i += 1) taken.push(pickSubnet(taken));
    expect(taken.slice(0, 5).map(formatSubnet)).toEqual([
      '172.28.0.0/16',
      '172.29.0.0/16',
      '172.30.0.0/16',
      '172.31.0.0/16',
      '172.24.0.0/16',
    ]);
    expect(formatSubnet(taken[14]!)).toBe('192.168.0.0/20');
  });

  test('never overlaps what is taken', () => {
    const subnet = fc
      .tuple(fc.constantFrom('172', '192', '10'), fc.nat(255), fc.integer({ min: 8, max: 30 }))
      .map(([first, second, length]) => parseSubnet(`${first}.${second}.0.0/${length}`));
    fc.assert(
      fc.property(fc.array(subnet, { maxLength: 10 }), (taken) => {
        try {
          const picked = pickSubnet(taken);
          expect(taken.some((it) => isOverlapping(it, picked))).toBe(false);
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_NETWORK_ADDRESS' });
        }
      }),
    );
  });

  test('says in words of docker that nothing is left', () => {
    expect(() => pickSubnet([parseSubnet('0.0.0.0/0')])).toThrow(
      'all predefined address pools have been fully subnetted',
    );
  });
});

describe('planNetwork', () => {
  test('puts the gateway first, behind reserved addresses', () => {
    const config = withPool({ subnet: '10.1.0.0/24', auxAddresses: { a: '10.1.0.1' } });
    expect(formatAddress(planNetwork(ID, config, []).ipv4.gateway)).toBe('10.1.0.2');
  });

  test('makes a subnet of unique local addresses for IPv6', () => {
    const plan = planNetwork(ID, networkConfig('web', { hasIpv6: true }), []);
    expect(formatSubnet(plan.ipv6!.subnet)).toMatch(/^fd[0-9a-f:]+\/64$/);
    expect(planNetwork(ID, networkConfig('web'), []).ipv6).toBeUndefined();
  });

  test.each([
    [{ subnet: '10.1.0.0/24', gateway: '10.2.0.1' }, 'is not in subnet 10.1.0.0/24'],
    [{ subnet: '10.1.0.0/24', ipRange: '10.2.0.0/25' }, 'ip_range 10.2.0.0/25 is not in'],
    [{ subnet: '10.1.0.0/31' }, 'has no room'],
    [{ subnet: '10.1.0.0' }, 'invalid subnet'],
    [{ subnet: '10.1.0.0/24', auxAddresses: { a: 'x' } }, 'invalid IP address: x'],
  ])('refuses %j', (pool, message) => {
    expect(() => planNetwork(ID, withPool(pool), [])).toThrow(message);
  });
});
