import { closeSync, readdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';

import { describe, expect, test } from '@jest/globals';

import { runNftCommands } from '../../../src/native/firewall.ts';
import { deleteLink } from '../../../src/native/link-messages.ts';
import { Links } from '../../../src/native/links.ts';
import { NETLINK, netlinkRequest } from '../../../src/native/netlink.ts';
import { openSocketsInNamespace, type SocketRequest } from '../../../src/native/sockets.ts';

const request = { type: 'tcp', address: '127.0.0.1', port: 0 } as const;

async function open(wanted: SocketRequest, pid?: number): Promise<number> {
  const [fd = -1] = await openSocketsInNamespace(pid, [wanted]);
  return fd;
}

describe('openSocketsInNamespace', () => {
  test('hands over a socket that Node can listen on', async () => {
    const server = createServer();
    const fd = await open(request);
    await new Promise<void>((resolve) => server.listen({ fd }, resolve));
    expect(server.address()).toMatchObject({ address: '127.0.0.1', family: 'IPv4' });
    await new Promise((resolve) => server.close(resolve));
  });

  test.each(['tcp', 'udp'] as const)('says that a %s port is taken', async (type) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const held = await open({ ...request, type: 'udp', port });
    await expect(open({ ...request, type, port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      syscall: 'bind',
    });
    closeSync(held);
    await new Promise((resolve) => server.close(resolve));
  });

  test('leaves no descriptor when it fails', async () => {
    const before = readdirSync('/proc/self/fd').length;
    const missing: SocketRequest = { ...request, address: '192.0.2.1' };
    await expect(openSocketsInNamespace(undefined, [request, missing])).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
    await expect(open(request, 2 ** 22 + 1)).rejects.toMatchObject({
      code: 'ENOENT',
      path: `/proc/${2 ** 22 + 1}/ns/net`,
    });
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  });

  test('says what the kernel says of messages that go before', async () => {
    const missing = netlinkRequest(NETLINK.route, [deleteLink('ocup-none')]);
    await expect(openSocketsInNamespace(undefined, [missing, request])).rejects.toMatchObject({
      code: 'ENODEV',
    });
  });
});

describe('Links', () => {
  test('lists and finds what is there', async () => {
    using links = await Links.open();
    expect((await links.list()).map((link) => link.name)).toContain('lo');
    expect(await links.find('lo')).toMatchObject({ index: 1, name: 'lo' });
    expect(await links.find('ocup-none')).toBeUndefined();
  });

  test('answers many callers at once, each with its own', async () => {
    using links = await Links.open();
    const found = await Promise.all(
      Array.from({ length: 50 }, (_, i) => links.find(i % 2 === 0 ? 'lo' : 'ocup-none')),
    );
    expect(found.map((link) => link?.name)).toEqual(
      found.map((_, i) => (i % 2 === 0 ? 'lo' : undefined)),
    );
  });

  test('removing what is not there is no failure', async () => {
    using links = await Links.open();
    await links.remove('ocup-none');
    await links.removeAll(['ocup-none', 'ocup-neither']);
  });
});

describe('runNftCommands', () => {
  test('says what the firewall does not understand', async () => {
    await expect(runNftCommands('no such command')).rejects.toMatchObject({
      code: 'E_NETWORK_KERNEL',
      message: expect.stringContaining('syntax error'),
    });
  });
});
