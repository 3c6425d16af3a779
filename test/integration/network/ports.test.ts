import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { type Agent, type Joined, NetworkLab, join } from '../../support/network-lab.ts';
import { connectRequest, networkConfig, portBinding } from '../../support/network-values.ts';

let lab: NetworkLab;
let supervisor: Agent;

beforeEach(async () => {
  lab = await NetworkLab.open();
  supervisor = await lab.supervisor();
  await supervisor.networks('create', networkConfig('web'));
});

afterEach(async () => {
  await lab.close();
});

/** A container on network `web` that answers on TCP and UDP port 80 and publishes ports. */
async function publish(...ports: readonly ReturnType<typeof portBinding>[]): Promise<Joined> {
  const server = await join({ lab, supervisor }, 'server', ['web'], { ports });
  await server.agent.call('serveTcp', 80, 'server');
  await server.agent.call('serveUdp', 80, 'server');
  return server;
}

const gateway = (joined: Joined): string => joined.result.endpoints[0]!.gateway!;

describe('a published port', () => {
  test('is reached from loopback, from the gateway, over IPv6 and from a neighbour', async () => {
    const neighbour = await lab.neighbour();
    const server = await publish(portBinding(8080, 80));
    expect(server.result.ports).toEqual([
      { hostIp: '0.0.0.0', hostPort: 8080, containerPort: 80, protocol: 'tcp' },
      { hostIp: '::', hostPort: 8080, containerPort: 80, protocol: 'tcp' },
    ]);
    const from = gateway(server);
    const ask = (agent: Agent, host: string) => agent.call('askTcp', host, 8080, 'hi');
    expect(await ask(lab.host, '127.0.0.1')).toBe(`server hi from ${from}`);
    expect(await ask(lab.host, from)).toBe(`server hi from ${from}`);
    expect(await ask(lab.host, '::1')).toBe(`server hi from ${from}`);
    expect(await ask(neighbour, '203.0.113.1')).toBe('server hi from 203.0.113.2');
  });

  test('is reached by containers: itself, its network and others', async () => {
    await supervisor.networks('create', networkConfig('other'));
    const server = await publish(portBinding(8080, 80));
    const friend = await join({ lab, supervisor }, 'friend', ['web']);
    const stranger = await join({ lab, supervisor }, 'stranger', ['other']);
    for (const { agent } of [server, friend, stranger]) {
      const answer = await agent.call('askTcp', gateway(server), 8080, 'hi');
      expect(answer).toMatch(/^server hi from /);
    }
  });

  test('carries datagrams both ways, on both families', async () => {
    const server = await publish(portBinding(5300, 80, { protocol: 'udp' }));
    const from = gateway(server);
    for (const host of ['127.0.0.1', from, '::1']) {
      expect(await lab.host.call('askUdp', host, 5300, 'hi')).toBe(`server hi from ${from}`);
    }
  });

  test('on one address is not reached on others', async () => {
    const neighbour = await lab.neighbour();
    await publish(portBinding(8080, 80, { hostIp: '127.0.0.1' }));
    expect(await lab.host.call('askTcp', '127.0.0.1', 8080, 'hi')).toMatch(/^server hi/);
    await expect(neighbour.call('askTcp', '203.0.113.1', 8080, 'hi')).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });

  test('that the kernel picks is the same for both families, and stays', async () => {
    const server = await publish(portBinding(undefined, 80));
    const [ipv4, ipv6] = server.result.ports;
    expect(ipv4?.hostPort).toBeGreaterThan(1024);
    expect(ipv6?.hostPort).toBe(ipv4?.hostPort);
    await supervisor.networks('disconnect', server.agent.id);
    const again = await join({ lab, supervisor }, 'server', ['web'], {
      ports: [portBinding(undefined, 80)],
      previousPorts: server.result.ports,
    });
    expect(again.result.ports).toEqual(server.result.ports);
  });

  test('of a range is the first that is free', async () => {
    await lab.host.call('serveTcp', 8080, 'holder');
    const server = await publish(portBinding(8080, 80, { hostPortEnd: 8082 }));
    expect(server.result.ports[0]?.hostPort).toBe(8081);
  });

  // Beyond descriptor 1023 libnftables would end the process.
  test('can be one of a thousand', async () => {
    const ports = Array.from({ length: 1000 }, (_, i) => portBinding(20_000 + i, 80));
    const before = performance.now();
    await publish(...ports);
    expect(performance.now() - before).toBeLessThan(5000);
    expect(await lab.host.call('askTcp', '127.0.0.1', 20_999, 'hi')).toMatch(/^server hi/);
  });

  test('that a process holds is refused, naming the process', async () => {
    await lab.host.call('serveTcp', 8080, 'holder');
    const before = await lab.host.call('linkNames');
    const container = await lab.container();
    const request = connectRequest(container, 'web', ['web'], { ports: [portBinding(8080, 80)] });
    await expect(supervisor.networks('connect', request)).rejects.toMatchObject({
      code: 'E_NETWORK_PORT_TAKEN',
      message: expect.stringMatching(
        `Bind for 0.0.0.0:8080 failed: port is already allocated: .* \\(pid ${lab.host.pid}\\) holds it`,
      ),
      hint: expect.stringContaining(`(pid ${lab.host.pid})`),
    });
    expect(await lab.host.call('linkNames')).toEqual(before);
  });

  test('that a container holds is refused, naming the container', async () => {
    await publish(portBinding(8080, 80, { protocol: 'udp' }));
    const container = await lab.container();
    const ports = [portBinding(8080, 80, { protocol: 'udp' })];
    const request = connectRequest(container, 'second', ['web'], { ports });
    await expect(supervisor.networks('connect', request)).rejects.toMatchObject({
      code: 'E_NETWORK_PORT_TAKEN',
      hint: expect.stringContaining('container server'),
    });
  });

  test('on an address that the host has not is refused', async () => {
    const container = await lab.container();
    const ports = [portBinding(8080, 80, { hostIp: '198.51.100.7' })];
    const request = connectRequest(container, 'web', ['web'], { ports });
    await expect(supervisor.networks('connect', request)).rejects.toMatchObject({
      code: 'E_NETWORK_ADDRESS',
    });
  });

  test('is free again once its container is disconnected', async () => {
    const server = await publish(portBinding(8080, 80), portBinding(53, 80, { protocol: 'udp' }));
    await supervisor.networks('disconnect', server.agent.id);
    expect(await lab.host.call('serveTcp', 8080, 'next')).toBe(8080);
    expect(await lab.host.call('askTcp', '127.0.0.1', 8080, 'hi')).toBe('next hi from 127.0.0.1');
    expect(await lab.host.call('ruleset')).not.toContain('8080');
  });

  test('follows its container to a new address, also for a sender that goes on', async () => {
    const ports = [portBinding(5300, 80, { protocol: 'udp' as const })];
    const first = await publish(...ports);
    expect(await lab.host.call('askUdpFrom', 40000, '127.0.0.1', 5300)).toMatch(/^server/);
    await supervisor.networks('disconnect', first.agent.id);
    const second = await join({ lab, supervisor }, 'next', ['web'], { ports });
    expect(second.address).not.toBe(first.address);
    await second.agent.call('serveUdp', 80, 'next');
    expect(await lab.host.call('askUdpFrom', 40000, '127.0.0.1', 5300)).toMatch(/^next/);
  });
});

describe('without the firewall', () => {
  test('a published port is forwarded by the supervisor', async () => {
    await publish(portBinding(8080, 80), portBinding(8080, 80, { protocol: 'udp' }));
    await lab.host.call('nft', 'flush ruleset');
    expect(await lab.host.call('askTcp', '127.0.0.1', 8080, 'hi')).toMatch(/^server hi/);
    expect(await lab.host.call('askUdp', '127.0.0.1', 8080, 'hi')).toMatch(/^server hi/);
  });

  test('a large body goes through before its sender has finished', async () => {
    await publish(portBinding(8080, 80));
    await lab.host.call('nft', 'flush ruleset');
    const body = 'x'.repeat(5_000_000);
    expect(await lab.host.call('askTcp', '127.0.0.1', 8080, body)).toMatch(
      /^server 5000000 bytes from/,
    );
  });

  test('a connection to a port that nothing listens on is ended', async () => {
    await join({ lab, supervisor }, 'silent', ['web'], { ports: [portBinding(8080, 81)] });
    await lab.host.call('nft', 'flush ruleset');
    await expect(lab.host.call('askTcp', '127.0.0.1', 8080, 'hi')).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
  });
});
