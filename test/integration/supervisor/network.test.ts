import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ContainerConfig, Endpoint, PortBinding } from '../../../src/model/container.ts';
import { eventually } from '../../support/eventually.ts';
import { shellConfig, SupervisorHome } from '../../support/supervisor-home.ts';

const home = new SupervisorHome();
let supervisor = 0;
const FOREVER = 'trap "exit 0" TERM; while :; do sleep 0.05; done';
/** Answers every connection with a line. */
const SERVER = 'exec busybox nc -ll -p 80 -e echo answer';

function endpoint(network: string, aliases: readonly string[]): Endpoint {
  return {
    network,
    aliases,
    ipv4Address: undefined,
    ipv6Address: undefined,
    macAddress: undefined,
    gatewayPriority: 0,
    priority: 0,
  };
}

function onNetwork(
  name: string,
  command: string,
  changes: Partial<ContainerConfig> = {},
): ContainerConfig {
  const networkMode = { kind: 'networks', endpoints: [endpoint('net', [name])] } as const;
  return shellConfig(name, command, { networkMode, ...changes });
}

function port(hostPort: number | undefined): PortBinding {
  return {
    hostIp: '127.0.0.1',
    hostPort,
    hostPortEnd: undefined,
    containerPort: 80,
    protocol: 'tcp',
  };
}

/** What is read from a TCP port of this machine until it hangs up. */
function readPort(number: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(number, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(text));
  });
}

beforeAll(async () => {
  supervisor = await home.start();
  await home.call('network.create', {
    config: {
      name: 'net',
      driver: 'bridge',
      driverOptions: {},
      isInternal: false,
      isAttachable: false,
      hasIpv6: false,
      pools: [],
      labels: {},
    },
  });
});

afterAll(async () => {
  await home.close();
});

describe('containers on a network', () => {
  test('find each other by name, and know themselves', async () => {
    const server = await home.run(onNetwork('server', SERVER));
    await home.run(onNetwork('client', FOREVER));
    const [address] = server.endpoints.map(({ ipv4Address }) => ipv4Address);
    expect((await home.exec('client', ['getent', 'hosts', 'server'])).stdout).toContain(address);
    expect((await home.exec('server', ['hostname', '-i'])).stdout.trim()).toBe(address);
    await eventually(async () => {
      const { stdout } = await home.exec('client', ['busybox', 'nc', '-w', '2', 'server', '80']);
      return stdout === 'answer\n';
    }, 5000);
  });

  test('a published port is reached, and taken again after the supervisor was killed', async () => {
    const published = await home.run(onNetwork('published', SERVER, { ports: [port(undefined)] }));
    const number = published.ports[0]!.hostPort;
    await eventually(async () => (await readPort(number).catch(() => '')) === 'answer\n', 5000);
    await home.crash(supervisor);
    supervisor = await home.start();
    expect((await home.inspect('published')).ports).toEqual(published.ports);
    expect(await readPort(number)).toBe('answer\n');
    const second = onNetwork('second', SERVER, { ports: [port(number)] });
    await expect(home.run(second)).rejects.toMatchObject({ code: 'E_NETWORK_PORT_TAKEN' });
    expect(await home.inspect('second')).toMatchObject({ state: 'exited', exit: { code: 128 } });
    expect((await home.exec('client', ['getent', 'hosts', 'server'])).code).toBe(0);
  });

  test('a container keeps its address and its port over a restart', async () => {
    const before = await home.inspect('published');
    await home.call('container.stop', { container: 'published', timeoutMs: 0 });
    await expect(readPort(before.ports[0]!.hostPort)).rejects.toThrow();
    const after = await home.call('container.start', { container: 'published' });
    expect(after.ports).toEqual(before.ports);
    expect(after.endpoints).toEqual(before.endpoints);
  });

  test('one that shares the network of another has its addresses and names', async () => {
    const networkMode = { kind: 'container', container: 'server' } as const;
    await home.run(shellConfig('sidecar', FOREVER, { networkMode }));
    const { stdout } = await home.exec('sidecar', ['busybox', 'nc', '-w', '2', '127.0.0.1', '80']);
    expect(stdout).toBe('answer\n');
    expect((await home.exec('sidecar', ['getent', 'hosts', 'client'])).code).toBe(0);
    await home.call('container.stop', { container: 'server', timeoutMs: 0 });
    await home.call('container.stop', { container: 'sidecar', timeoutMs: 0 });
    await expect(home.call('container.start', { container: 'sidecar' })).rejects.toMatchObject({
      code: 'E_CONTAINER_START',
    });
  });

  test('one on the host network sees its interfaces', async () => {
    await home.run(shellConfig('hosted', 'ls /sys/class/net', { networkMode: { kind: 'host' } }));
    await home.waitFor('hosted', 'exited');
    expect((await home.logs('hosted')).some((name) => name.startsWith('ocup-'))).toBe(true);
  });

  test('one without network has loopback only', async () => {
    await home.run(shellConfig('alone', 'cat /sys/class/net/lo/operstate; ls /sys/class/net'));
    await home.waitFor('alone', 'exited');
    expect(await home.logs('alone')).toEqual(['unknown', 'lo']);
  });

  test('a network that is used is not removed', async () => {
    await expect(home.call('network.remove', { name: 'net' })).rejects.toMatchObject({
      code: 'E_NETWORK_IN_USE',
    });
  });
});
