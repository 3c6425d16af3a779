import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { Logger } from '../../../src/base/logger.ts';
import { findLinkOwner, formatLinkAlias, vethName } from '../../../src/network/names.ts';
import { planNetwork } from '../../../src/network/network-plan.ts';
import {
  type NetworkRecord,
  parseNetworkRecord,
  readNetworkRecords,
  removeNetworkRecord,
  writeNetworkRecord,
} from '../../../src/network/network-records.ts';
import { networkConfig } from '../../support/network-values.ts';

let folder: string;
let logged: string[];
const logger: Logger = {
  info: (message) => logged.push(message),
  warn: (message) => logged.push(message),
  error: (message) => logged.push(message),
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ocup-records-'));
  logged = [];
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function record(name: string): NetworkRecord {
  const config = networkConfig(name, {
    hasIpv6: true,
    labels: { a: 'b' },
    pools: [
      {
        subnet: '10.1.0.0/16',
        gateway: '10.1.0.9',
        ipRange: '10.1.5.0/24',
        auxAddresses: { x: '10.1.5.1' },
      },
    ],
  });
  const id = 'c0'.repeat(32);
  const createdAt = '2030-01-02T03:04:05.678Z';
  return { id, config, bridge: 'ocup-c0c0c0c0', createdAt, plan: planNetwork(id, config, []) };
}

describe('records', () => {
  test('are read back as they were written', async () => {
    await writeNetworkRecord(folder, record('web'));
    expect(await readNetworkRecords(folder, logger)).toEqual([record('web')]);
    await removeNetworkRecord(folder, 'web');
    await removeNetworkRecord(folder, 'web');
    expect(await readNetworkRecords(folder, logger)).toEqual([]);
  });

  test('may have no folder yet', async () => {
    expect(await readNetworkRecords(join(folder, 'none'), logger)).toEqual([]);
  });

  test('that are damaged are set aside and reported, never deleted', async () => {
    await writeNetworkRecord(folder, record('web'));
    writeFileSync(join(folder, 'bad.json'), '{');
    writeFileSync(join(folder, '.web.json.0.tmp'), 'half');
    expect(await readNetworkRecords(folder, logger)).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(['bad.json.damaged', 'web.json']);
    expect(logged).toEqual([expect.stringContaining('bad.json.damaged')]);
  });

  test.each([
    ['text', 'network record is not JSON'],
    ['{"version":1}', 'network record.id is not a string'],
  ])('%j is none', (text, message) => {
    expect(() => parseNetworkRecord(text)).toThrow(message);
  });
});

describe('names of kernel objects', () => {
  test('tell whose they are, in their own data folder only', () => {
    const owner = { kind: 'container', id: 'ab'.repeat(32) } as const;
    const alias = formatLinkAlias('01234567', owner);
    expect(findLinkOwner('01234567', alias)).toEqual(owner);
    expect(findLinkOwner('89abcdef', alias)).toBeUndefined();
    expect(findLinkOwner('01234567', undefined)).toBeUndefined();
    expect(findLinkOwner('01234567', 'uplink')).toBeUndefined();
  });

  test('fit into an interface name', () => {
    expect(vethName('0'.repeat(64), '1'.repeat(64))).toBe('ov0000000001111');
    expect(vethName('0'.repeat(64), '1'.repeat(64)).length).toBeLessThanOrEqual(15);
  });
});
