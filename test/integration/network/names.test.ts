import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Packet, decode, encode } from 'dns-packet';

import { type Agent, type Joined, NetworkLab, join } from '../../support/network-lab.ts';
import { networkConfig } from '../../support/network-values.ts';

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

async function ask(
  { agent }: Joined,
  packet: Packet,
  transport: 'udp' | 'tcp' = 'udp',
): Promise<Packet & { flags: number; rcode: string }> {
  const query = encode({ type: 'query', id: 4711, flags: 0x100, ...packet }).toString('hex');
  const answer = decode(Buffer.from(await agent.call('askDns', query, transport), 'hex'));
  return answer as unknown as Packet & { flags: number; rcode: string };
}

const question = (name: string, type: 'A' | 'AAAA' | 'MX' = 'A'): Packet => ({
  questions: [{ type, name }],
});

describe('names of containers', () => {
  test('are container, short id, aliases and each with its network, in any case', async () => {
    const server = await join({ lab, supervisor }, 'shop-db-1', ['web=db,store']);
    const client = await join({ lab, supervisor }, 'client', ['web']);
    const names = ['shop-db-1', 'db', 'store', 'DB', 'db.web', server.agent.id.slice(0, 12)];
    for (const name of names) {
      expect(await client.agent.call('resolve', name)).toEqual([server.address]);
    }
  });

  test('are known on shared networks only', async () => {
    await lab.host.call('serveDns', {});
    await supervisor.networks('create', networkConfig('other'));
    await join({ lab, supervisor }, 'server', ['web'], { dns: ['127.0.0.1'] });
    const stranger = await join({ lab, supervisor }, 'stranger', ['other'], { dns: ['127.0.0.1'] });
    expect(await stranger.agent.call('resolve', 'server')).toBe('ENOTFOUND');
  });

  test('that several share come in turn', async () => {
    const replicas = [
      await join({ lab, supervisor }, 'api-1', ['web=api']),
      await join({ lab, supervisor }, 'api-2', ['web=api']),
    ];
    const client = await join({ lab, supervisor }, 'client', ['web']);
    const firsts = new Set<string>();
    for (let i = 0; i < 2; i += 1) {
      // Resolvers ask for both families at once.
      await client.agent.call('resolve', 'api', 'AAAA');
      const addresses = (await client.agent.call('resolve', 'api')) as string[];
      expect([...addresses].sort()).toEqual(replicas.map((it) => it.address).sort());
      firsts.add(addresses[0]!);
    }
    expect(firsts.size).toBe(2);
  });

  test('without IPv6 are known to have none, for a short time', async () => {
    await join({ lab, supervisor }, 'server', ['web']);
    const client = await join({ lab, supervisor }, 'client', ['web']);
    const noData = await ask(client, question('server', 'AAAA'));
    expect(noData).toMatchObject({ rcode: 'NOERROR', answers: [] });
    const answer = await ask(client, question('server'));
    expect(answer.answers).toMatchObject([{ type: 'A', ttl: 5 }]);
    expect(await ask(client, question('server', 'MX'))).toMatchObject({ answers: [] });
  });

  test('are found backwards', async () => {
    const server = await join({ lab, supervisor }, 'server', ['web']);
    const client = await join({ lab, supervisor }, 'client', ['web']);
    expect(await client.agent.call('resolve', server.address, 'PTR')).toEqual(['server.web']);
  });

  test('are forgotten with their container', async () => {
    await lab.host.call('serveDns', {});
    const server = await join({ lab, supervisor }, 'server', ['web']);
    const client = await join({ lab, supervisor }, 'client', ['web'], { dns: ['127.0.0.1'] });
    await supervisor.networks('disconnect', server.agent.id);
    expect(await client.agent.call('resolve', 'server')).toBe('ENOTFOUND');
  });

  test('include the host, at the gateway', async () => {
    const client = await join({ lab, supervisor }, 'client', ['web']);
    for (const name of ['host.docker.internal', 'host.containers.internal']) {
      expect(await client.agent.call('resolve', name)).toEqual([
        client.result.endpoints[0]?.gateway,
      ]);
    }
  });
});

describe('other names', () => {
  test('are asked of the resolvers that were given', async () => {
    await lab.host.call('serveDns', { 'example.org': '192.0.2.7' });
    const client = await join({ lab, supervisor }, 'client', ['web'], { dns: ['127.0.0.1'] });
    expect(await client.agent.call('resolve', 'example.org')).toEqual(['192.0.2.7']);
    expect(await client.agent.call('resolve', 'example.com')).toBe('ENOTFOUND');
  });

  test('are asked of the next resolver when one is silent', async () => {
    await lab.host.call('serveDns', { 'example.org': '192.0.2.7' });
    const dns = ['127.0.0.77', '127.0.0.1'];
    const client = await join({ lab, supervisor }, 'client', ['web'], { dns });
    expect(await client.agent.call('resolve', 'example.org')).toEqual(['192.0.2.7']);
  });

  test('are a failure when no resolver answers', async () => {
    const client = await join({ lab, supervisor }, 'client', ['web'], { dns: ['127.0.0.77'] });
    expect(await client.agent.call('resolve', 'example.org')).toBe('ESERVFAIL');
  });

  test('with long answers come by TCP', async () => {
    await lab.host.call('serveDns', { 'long.example.org': 'LONG' });
    const client = await join({ lab, supervisor }, 'client', ['web'], { dns: ['127.0.0.1'] });
    expect(await client.agent.call('resolve', 'long.example.org')).toHaveLength(100);
  });
});

describe('the server', () => {
  test('answers over TCP', async () => {
    const server = await join({ lab, supervisor }, 'server', ['web']);
    const answer = await ask(server, question('server'), 'tcp');
    expect(answer.answers).toMatchObject([{ data: server.address }]);
  });

  test('refuses what it does not understand, and goes on', async () => {
    const client = await join({ lab, supervisor }, 'client', ['web']);
    const questions = [question('a'), question('b')].flatMap((it) => it.questions!);
    expect(await ask(client, { questions })).toMatchObject({ rcode: 'FORMERR' });
    const broken = encode({ type: 'query', id: 1, ...question('client') }).toString('hex');
    const cut = await client.agent.call('askDns', broken.slice(0, -6), 'udp');
    expect(decode(Buffer.from(cut, 'hex'))).toMatchObject({ id: 1, rcode: 'FORMERR' });
    expect(await client.agent.call('resolve', 'client')).toEqual([client.address]);
  });
});
