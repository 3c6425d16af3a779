import { readdirSync, writeFileSync } from 'node:fs';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import {
  type Agent,
  type Joined,
  NetworkLab,
  join,
  waitForLinks,
} from '../../support/network-lab.ts';
import { networkConfig, portBinding } from '../../support/network-values.ts';

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

async function publish(): Promise<Joined> {
  const server = await join({ lab, supervisor }, 'server', ['web=api'], {
    ports: [portBinding(8080, 80)],
  });
  await server.agent.call('serveTcp', 80, 'server');
  return server;
}

/** What an adopting process is told: the same, with what the container got. */
const adoption = ({ request, result }: Joined): Joined['request'] => ({
  ...request,
  previous: result.endpoints,
  previousPorts: result.ports,
});

describe('after the supervisor was killed', () => {
  test('the kernel goes on forwarding', async () => {
    await publish();
    await supervisor.end();
    expect(await lab.host.call('askTcp', '127.0.0.1', 8080, 'hi')).toMatch(/^server hi/);
  });

  test('the next one takes its containers over', async () => {
    const server = await publish();
    await supervisor.end();
    const next = await lab.supervisor();
    expect((await next.networks('list')).map((network) => network.config.name)).toEqual(['web']);
    await next.networks('adopt', adoption(server));
    await next.networks('adopt', adoption(server));
    await next.networks('sweep', [server.agent.id]);

    expect(await server.agent.call('resolve', 'api')).toEqual([server.address]);
    expect(await lab.host.call('askTcp', '127.0.0.1', 8080, 'hi')).toMatch(/^server hi/);
    expect(await lab.host.call('askTcp', '::1', 8080, 'hi')).toMatch(/^server hi/);
    const friend = await join({ lab, supervisor: next }, 'friend', ['web']);
    expect(friend.address).not.toBe(server.address);
    expect(await friend.agent.call('resolve', 'api')).toEqual([server.address]);
    expect(await next.call('logged')).toEqual([]);
  });

  test('what has no owner any more is swept', async () => {
    const before = await lab.host.call('linkNames');
    await publish();
    await supervisor.networks('create', networkConfig('lost'));
    await supervisor.end();
    lab.run('rm', `${lab.dataDir}/networks/lost.json`);
    lab.run('ip', 'link', 'add', 'ocup-foreign', 'type', 'bridge');

    const next = await lab.supervisor();
    await next.networks('sweep', []);
    expect(await lab.host.call('linkNames')).toEqual([...before, 'ocup-foreign'].sort());
    expect(await lab.host.call('ruleset')).not.toContain('8080');
    await next.networks('remove', 'web');
    expect(await lab.host.call('ruleset')).toBe('');
  });

  test('a port that somebody took meanwhile is reported, and still forwarded', async () => {
    const server = await publish();
    await supervisor.end();
    await lab.host.call('serveTcp', 8080, 'thief');
    const next = await lab.supervisor();
    await next.networks('adopt', adoption(server));
    await next.networks('sweep', [server.agent.id]);
    expect(await next.call('logged')).toEqual([expect.stringContaining('network of server')]);
    expect(await lab.host.call('askTcp', '127.0.0.1', 8080, 'hi')).toMatch(/^server hi/);
  });

  test('a container that it did not adopt can be disconnected', async () => {
    const before = await lab.host.call('linkNames');
    const server = await publish();
    await supervisor.end();
    const next = await lab.supervisor();
    await next.networks('disconnect', server.agent.id);
    await waitForLinks(lab, before);
  });
});

describe('after a restart of the machine', () => {
  test('bridges are made again when they are needed', async () => {
    await supervisor.end();
    const [bridge] = (await lab.host.call('linkNames')).filter((name) => name.startsWith('ocup-'));
    lab.run('ip', 'link', 'delete', bridge!);
    lab.run('nft', 'flush', 'ruleset');
    const next = await lab.supervisor();
    supervisor = next;
    await publish();
    expect(await lab.host.call('askTcp', '127.0.0.1', 8080, 'hi')).toMatch(/^server hi/);
  });

  test('a damaged record is set aside and reported', async () => {
    await supervisor.end();
    writeFileSync(`${lab.dataDir}/networks/bad.json`, '{"version":1,"id":7}');
    const next = await lab.supervisor();
    expect((await next.networks('list')).map((network) => network.config.name)).toEqual(['web']);
    expect(await next.call('logged')).toEqual([expect.stringContaining('bad.json.damaged')]);
    expect(readdirSync(`${lab.dataDir}/networks`)).toEqual(['bad.json.damaged', 'web.json']);
  });
});

test('rules of others are left alone', async () => {
  await lab.host.call('nft', 'add table ip theirs; add chain ip theirs c');
  await publish();
  await supervisor.networks('sweep', []);
  expect(await lab.host.call('ruleset')).toContain('table ip theirs');
});
