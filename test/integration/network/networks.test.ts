import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { type Agent, NetworkLab, join, waitForLinks } from '../../support/network-lab.ts';
import { connectRequest, networkConfig } from '../../support/network-values.ts';

let lab: NetworkLab;
let supervisor: Agent;

beforeEach(async () => {
  lab = await NetworkLab.open();
  supervisor = await lab.supervisor();
});

afterEach(async () => {
  await lab.close();
});

describe('a network', () => {
  test('carries packets between its containers as soon as they are connected', async () => {
    await supervisor.networks('create', networkConfig('web'));
    const server = await join({ lab, supervisor }, 'server', ['web']);
    await server.agent.call('serveTcp', 80, 'server');
    const client = await join({ lab, supervisor }, 'client', ['web']);
    const before = performance.now();
    expect(await client.agent.call('askTcp', server.address, 80, 'hi')).toBe(
      `server hi from ${client.address}`,
    );
    // A first SYN that was lost would be sent again after a second.
    expect(performance.now() - before).toBeLessThan(900);
  });

  test('keeps out containers of other networks', async () => {
    await supervisor.networks('create', networkConfig('one'));
    await supervisor.networks('create', networkConfig('two'));
    const server = await join({ lab, supervisor }, 'server', ['one']);
    await server.agent.call('serveTcp', 80, 'server');
    const stranger = await join({ lab, supervisor }, 'stranger', ['two']);
    const asked = stranger.agent.call('askTcp', server.address, 80, 'hi', 500);
    await expect(asked).rejects.toThrow('timeout');
  });

  test('joins containers that share one of several networks', async () => {
    await supervisor.networks('create', networkConfig('front'));
    await supervisor.networks('create', networkConfig('back'));
    const both = await join({ lab, supervisor }, 'both', ['front', 'back']);
    expect(both.result.endpoints.map((it) => it.network)).toEqual(['front', 'back']);
    const back = await join({ lab, supervisor }, 'back', ['back']);
    await back.agent.call('serveTcp', 80, 'back');
    expect(await both.agent.call('askTcp', back.address, 80, 'hi')).toMatch(/^back hi from /);
  });

  test('lets containers out with an address of the host, and nobody in', async () => {
    const neighbour = await lab.neighbour();
    await neighbour.call('serveTcp', 80, 'neighbour');
    await supervisor.networks('create', networkConfig('web'));
    const { agent, address } = await join({ lab, supervisor }, 'web', ['web']);
    await agent.call('serveTcp', 80, 'web');
    expect(await agent.call('askTcp', '203.0.113.2', 80, 'hi')).toBe(
      'neighbour hi from 203.0.113.1',
    );
    lab.run(
      ...['nsenter', `--net=/proc/${neighbour.pid}/ns/net`],
      ...['ip', 'route', 'add', 'default', 'via', '203.0.113.1'],
    );
    await expect(neighbour.call('askTcp', address, 80, 'hi', 500)).rejects.toThrow('timeout');
  });

  test('that is internal has no way out, but carries packets inside', async () => {
    const neighbour = await lab.neighbour();
    await neighbour.call('serveTcp', 80, 'neighbour');
    await supervisor.networks('create', networkConfig('quiet', { isInternal: true }));
    const server = await join({ lab, supervisor }, 'server', ['quiet']);
    await server.agent.call('serveTcp', 80, 'server');
    const client = await join({ lab, supervisor }, 'client', ['quiet']);
    expect(client.result.endpoints[0]?.gateway).toBeUndefined();
    expect(await client.agent.call('askTcp', server.address, 80, 'hi')).toMatch(/^server hi/);
    const asked = client.agent.call('askTcp', '203.0.113.2', 80, 'hi', 500);
    await expect(asked).rejects.toMatchObject({ code: 'ENETUNREACH' });
  });

  test('with IPv6 gives addresses of both families', async () => {
    await supervisor.networks('create', networkConfig('web', { hasIpv6: true }));
    const server = await join({ lab, supervisor }, 'server', ['web']);
    const client = await join({ lab, supervisor }, 'client', ['web']);
    const address = server.result.endpoints[0]!.ipv6Address!;
    expect(address).toMatch(/^fd/);
    await server.agent.call('serveTcp', 80, 'server', '::');
    expect(await client.agent.call('askTcp', address, 80, 'hi')).toBe(
      `server hi from ${client.result.endpoints[0]?.ipv6Address}`,
    );
    expect(await client.agent.call('resolve', 'server', 'AAAA')).toEqual([address]);
  });

  test('heeds the addresses of its configuration', async () => {
    const pool = {
      subnet: '10.77.0.0/24',
      gateway: '10.77.0.254',
      ipRange: '10.77.0.128/25',
      auxAddresses: { printer: '10.77.0.129' },
    };
    const network = await supervisor.networks('create', networkConfig('lan', { pools: [pool] }));
    expect(network).toMatchObject({ subnet: '10.77.0.0/24', gateway: '10.77.0.254' });
    const first = await join({ lab, supervisor }, 'first', ['lan']);
    expect(first.address).toBe('10.77.0.128');
    expect((await join({ lab, supervisor }, 'second', ['lan'])).address).toBe('10.77.0.130');
    const container = await lab.container();
    const request = connectRequest(container, 'third', ['lan']);
    const endpoint = { ...request.endpoints[0]!, ipv4Address: '10.77.0.9' };
    const result = await supervisor.networks('connect', { ...request, endpoints: [endpoint] });
    expect(result.endpoints[0]).toMatchObject({
      ipv4Address: '10.77.0.9',
      macAddress: '02:42:0a:4d:00:09',
    });
  });

  test('is refused when another has the subnet or the name', async () => {
    const pools = [
      { subnet: '10.77.0.0/24', gateway: undefined, ipRange: undefined, auxAddresses: {} },
    ];
    await supervisor.networks('create', networkConfig('lan', { pools }));
    await expect(supervisor.networks('create', networkConfig('lan'))).rejects.toMatchObject({
      code: 'E_NETWORK_EXISTS',
    });
    const again = supervisor.networks('create', networkConfig('other', { pools }));
    await expect(again).rejects.toMatchObject({
      code: 'E_NETWORK_ADDRESS',
      message: expect.stringContaining('Pool overlaps with other one on this address space'),
    });
  });

  test('takes a subnet that no route of the host leads to', async () => {
    lab.run('ip', 'link', 'add', 'lan', 'type', 'bridge');
    lab.run('ip', 'address', 'add', '172.28.0.1/15', 'dev', 'lan');
    lab.run('ip', 'link', 'set', 'lan', 'up');
    const network = await supervisor.networks('create', networkConfig('web'));
    expect(network.subnet).toBe('172.30.0.0/16');
  });

  test('leaves subnets to other data folders that make networks at the same time', async () => {
    const other = await lab.supervisor();
    await other.call('open', `${lab.dataDir}/other`);
    const networks = await Promise.all(
      ['a', 'b', 'c'].flatMap((name) => [
        supervisor.networks('create', networkConfig(name)),
        other.networks('create', networkConfig(name)),
      ]),
    );
    expect(new Set(networks.map((network) => network.subnet)).size).toBe(6);
  });

  test('cannot be removed while a container is on it, and leaves nothing after', async () => {
    const before = await lab.host.call('linkNames');
    await supervisor.networks('create', networkConfig('web'));
    const { agent } = await join({ lab, supervisor }, 'web', ['web']);
    await expect(supervisor.networks('remove', 'web')).rejects.toMatchObject({
      code: 'E_NETWORK_IN_USE',
    });
    await supervisor.networks('disconnect', agent.id);
    await supervisor.networks('disconnect', agent.id);
    await supervisor.networks('remove', 'web');
    await expect(supervisor.networks('remove', 'web')).rejects.toMatchObject({
      code: 'E_NETWORK_NOT_FOUND',
    });
    await waitForLinks(lab, before);
    expect(await lab.host.call('ruleset')).toBe('');
  });

  test('can be made again at once, with its bridge and subnet', async () => {
    const config = {
      ...networkConfig('web'),
      driverOptions: { 'com.docker.network.bridge.name': 'again0' },
    };
    const subnets = new Set<string>();
    for (let round = 0; round < 5; round += 1) {
      subnets.add((await supervisor.networks('create', config)).subnet);
      const { agent } = await join({ lab, supervisor }, `c${round}`, ['web']);
      expect(await agent.call('linkNames')).toContain('eth0');
      await supervisor.networks('disconnect', agent.id);
      await supervisor.networks('remove', 'web');
    }
    expect(subnets.size).toBe(1);
  });

  test('is not taken from under a container that is being connected', async () => {
    await supervisor.networks('create', networkConfig('web'));
    const container = await lab.container();
    const connecting = supervisor.networks('connect', connectRequest(container, 'web', ['web']));
    await expect(supervisor.networks('remove', 'web')).rejects.toMatchObject({
      code: 'E_NETWORK_IN_USE',
    });
    expect((await connecting).endpoints).toHaveLength(1);
  });

  test('stands when many containers come and go at once', async () => {
    await supervisor.networks('create', networkConfig('web'));
    const before = await lab.host.call('linkNames');
    const containers = await Promise.all(Array.from({ length: 12 }, () => lab.container()));
    const results = await Promise.all(
      containers.map((container, i) =>
        supervisor.networks('connect', connectRequest(container, `web-${i}`, ['web=web'])),
      ),
    );
    const addresses = results.map((result) => result.endpoints[0]!.ipv4Address!);
    expect(new Set(addresses).size).toBe(12);
    const resolved = (await containers[0]!.call('resolve', 'web')) as string[];
    expect([...resolved].sort()).toEqual([...addresses].sort());
    await Promise.all(containers.map(({ id }) => supervisor.networks('disconnect', id)));
    await waitForLinks(lab, before);
  });
});

describe('a container', () => {
  test('without endpoints has loopback only', async () => {
    const container = await lab.container();
    await supervisor.networks('connect', connectRequest(container, 'alone', []));
    expect(await container.call('linkNames')).toEqual(['lo']);
    await container.call('serveTcp', 80, 'self', '127.0.0.1');
    expect(await container.call('askTcp', '127.0.0.1', 80, 'hi')).toBe('self hi from 127.0.0.1');
  });

  test('gets its former address again', async () => {
    await supervisor.networks('create', networkConfig('web'));
    const first = await join({ lab, supervisor }, 'first', ['web']);
    await join({ lab, supervisor }, 'second', ['web']);
    await supervisor.networks('disconnect', first.agent.id);
    const again = await join({ lab, supervisor }, 'first', ['web'], {
      previous: first.result.endpoints,
    });
    expect(again.address).toBe(first.address);
  });

  test('leaves nothing when it cannot be connected', async () => {
    await supervisor.networks('create', networkConfig('web'));
    const before = await lab.host.call('linkNames');
    const container = await lab.container();
    const request = connectRequest(container, 'web', ['web']);
    await container.end();
    await expect(supervisor.networks('connect', request)).rejects.toMatchObject({
      code: 'E_NETWORK_KERNEL',
    });
    expect(await lab.host.call('linkNames')).toEqual(before);
    const next = await join({ lab, supervisor }, 'next', ['web']);
    expect(await next.agent.call('resolve', 'web')).not.toEqual([expect.any(String)]);
  });

  test('cannot reach the loopback of the host', async () => {
    await lab.host.call('serveTcp', 8000, 'host', '127.0.0.1');
    const network = await supervisor.networks('create', networkConfig('web'));
    const { agent } = await join({ lab, supervisor }, 'web', ['web']);
    lab.run(
      ...['nsenter', `--net=/proc/${agent.pid}/ns/net`],
      ...['sh', '-c', 'ip address del 127.0.0.1/8 dev lo; ip route add 127.0.0.1 via "$0"'],
      network.gateway,
    );
    await expect(agent.call('askTcp', '127.0.0.1', 8000, 'hi', 500)).rejects.toThrow('timeout');
  });
});
