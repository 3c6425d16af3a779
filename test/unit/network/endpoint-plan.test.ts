import { beforeEach, describe, expect, test } from '@jest/globals';

import type { Endpoint } from '../../../src/model/container.ts';
import type { NetworkConfig } from '../../../src/model/network.ts';
import { AddressBook } from '../../../src/network/address-book.ts';
import { formatAddress } from '../../../src/network/addresses.ts';
import {
  allocateEndpoints,
  findDefaultEndpoint,
  releaseEndpoints,
  toEndpointState,
} from '../../../src/network/endpoint-plan.ts';
import type { KnownNetwork } from '../../../src/network/network-catalog.ts';
import { planNetwork } from '../../../src/network/network-plan.ts';
import { networkConfig } from '../../support/network-values.ts';

const CONTAINER = '0123456789abcdef'.repeat(4);

let networks: Map<string, KnownNetwork>;

function addNetwork(name: string, changes: Partial<NetworkConfig> = {}): void {
  const taken = [...networks.values()].map(({ record }) => record.plan.ipv4.subnet);
  const id = Buffer.from(name.padEnd(32)).toString('hex');
  const config = networkConfig(name, changes);
  const plan = planNetwork(id, config, taken);
  networks.set(name, {
    record: { id, config, bridge: `ocup-${name}`, createdAt: '', plan },
    ipv4: new AddressBook(plan.ipv4),
    ipv6: plan.ipv6 === undefined ? undefined : new AddressBook(plan.ipv6),
  });
}

function endpoint(network: string, changes: Partial<Endpoint> = {}): Endpoint {
  return {
    network,
    aliases: [],
    ipv4Address: undefined,
    ipv6Address: undefined,
    macAddress: undefined,
    gatewayPriority: 0,
    priority: 0,
    ...changes,
  };
}

const allocate = (...endpoints: readonly Endpoint[]) =>
  allocateEndpoints(
    CONTAINER,
    endpoints.map((it) => ({ endpoint: it, network: networks.get(it.network)! })),
    [],
  );

beforeEach(() => {
  networks = new Map();
  addNetwork('alpha');
  addNetwork('beta');
  addNetwork('quiet', { isInternal: true });
});

describe('interfaces', () => {
  test('are numbered by priority, then as they are written', () => {
    const planned = allocate(
      endpoint('beta'),
      endpoint('quiet', { priority: 5 }),
      endpoint('alpha'),
    );
    expect(planned.map((it) => [it.interfaceName, it.endpoint.network])).toEqual([
      ['eth0', 'quiet'],
      ['eth1', 'beta'],
      ['eth2', 'alpha'],
    ]);
  });

  test('have a MAC address of their own or the one that is asked for', () => {
    const [one, other] = allocate(
      endpoint('alpha'),
      endpoint('beta', { macAddress: '02:00:00:00:00:01' }),
    );
    expect(one?.mac).toBe('02:42:ac:1c:00:02');
    expect(other?.mac).toBe('02:00:00:00:00:01');
    expect(() => allocate(endpoint('alpha', { macAddress: 'x' }))).toThrow('invalid MAC address');
  });
});

describe('the default route', () => {
  const gatewayOf = (...endpoints: readonly Endpoint[]): string | undefined =>
    findDefaultEndpoint(allocate(...endpoints))?.endpoint.network;

  test('goes by the highest gateway priority, then by the name of the network', () => {
    expect(gatewayOf(endpoint('beta'), endpoint('alpha'))).toBe('alpha');
    expect(gatewayOf(endpoint('alpha'), endpoint('beta', { gatewayPriority: 1 }))).toBe('beta');
  });

  test('never goes through an internal network', () => {
    expect(gatewayOf(endpoint('quiet', { gatewayPriority: 9 }), endpoint('beta'))).toBe('beta');
    expect(gatewayOf(endpoint('quiet'))).toBeUndefined();
  });
});

test('addresses that were allocated are free again when they are released', () => {
  const [first] = allocate(endpoint('alpha', { ipv4Address: '172.28.0.9' }));
  expect(formatAddress(first!.ipv4)).toBe('172.28.0.9');
  expect(() => allocate(endpoint('alpha', { ipv4Address: '172.28.0.9' }))).toThrow(
    'already in use',
  );
  releaseEndpoints(CONTAINER, [...networks.values()]);
  expect(allocate(endpoint('alpha', { ipv4Address: '172.28.0.9' }))).toHaveLength(1);
});

test('a state tells the addresses, and no gateway where there is no way out', () => {
  const [alpha, quiet] = allocate(endpoint('alpha', { aliases: ['a'] }), endpoint('quiet'));
  expect(toEndpointState(alpha!)).toEqual({
    network: 'alpha',
    ipv4Address: '172.28.0.2',
    ipv6Address: undefined,
    gateway: '172.28.0.1',
    macAddress: '02:42:ac:1c:00:02',
    aliases: ['a'],
  });
  expect(toEndpointState(quiet!).gateway).toBeUndefined();
});
