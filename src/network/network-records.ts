import { readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileAtomic } from '../base/atomic-file.ts';
import { findErrno, isOcupError, messageOf, OcupError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import {
  type Shape,
  count,
  flag,
  listOf,
  mapOf,
  objectOf,
  oneOf,
  optional,
  parsedBy,
  parseShape,
  text,
} from '../base/shape.ts';
import type { AddressPool, NetworkConfig } from '../model/network.ts';
import { formatAddress, formatSubnet, parseAddress, parseSubnet } from './addresses.ts';
import type { AddressPlan, NetworkPlan } from './network-plan.ts';

/** All that is kept of a network. */
export interface NetworkRecord {
  /** 64 hex digits. */
  readonly id: string;
  readonly config: NetworkConfig;
  /** Name of the bridge interface. */
  readonly bridge: string;
  readonly createdAt: string;
  readonly plan: NetworkPlan;
}

const VERSION = 1;

/** Writes the record of a network into `folder`. */
export async function writeNetworkRecord(folder: string, record: NetworkRecord): Promise<void> {
  const { id, config, bridge, createdAt, plan } = record;
  const content = {
    version: VERSION,
    id,
    config,
    bridge,
    createdAt,
    ipv4: formatPlan(plan.ipv4),
    ipv6: plan.ipv6 === undefined ? undefined : formatPlan(plan.ipv6),
  };
  await writeFileAtomic(pathOf(folder, config.name), `${JSON.stringify(content, null, 2)}\n`);
}

/** Removes a record; one that is not there counts as removed. */
export async function removeNetworkRecord(folder: string, name: string): Promise<void> {
  await rm(pathOf(folder, name), { force: true });
}

/**
 * All records in `folder`. A damaged one is renamed to `NAME.json.damaged` and reported; half-written files
 * of an earlier run are removed.
 */
export async function readNetworkRecords(
  folder: string,
  logger: Logger,
): Promise<readonly NetworkRecord[]> {
  const records: NetworkRecord[] = [];
  for (const name of await listFolder(folder)) {
    const path = join(folder, name);
    if (name.endsWith('.tmp')) await rm(path, { force: true });
    if (!name.endsWith('.json')) continue;
    try {
      records.push(parseNetworkRecord(await readFile(path, 'utf8')));
    } catch (error) {
      if (!isOcupError(error, 'E_RECORD_DAMAGED')) throw error;
      await rename(path, `${path}.damaged`);
      logger.error(`network record set aside as ${path}.damaged: ${messageOf(error)}`);
    }
  }
  return records;
}

/** @throws E_RECORD_DAMAGED */
export function parseNetworkRecord(content: string): NetworkRecord {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw new OcupError('E_RECORD_DAMAGED', `network record is not JSON`, { cause });
  }
  const stored = parseShape(storedRecord, value, {
    code: 'E_RECORD_DAMAGED',
    name: 'network record',
  });
  if (stored.version !== VERSION) {
    throw new OcupError('E_RECORD_DAMAGED', `network record has unknown version ${stored.version}`);
  }
  const { id, config, bridge, createdAt, ipv4, ipv6 } = stored;
  return { id, config, bridge, createdAt, plan: { ipv4, ipv6 } };
}

interface StoredRecord extends Omit<NetworkRecord, 'plan'>, NetworkPlan {
  readonly version: number;
}

const addressPool: Shape<AddressPool> = objectOf<AddressPool>({
  subnet: optional(text),
  gateway: optional(text),
  ipRange: optional(text),
  auxAddresses: mapOf(text),
});

const networkConfig: Shape<NetworkConfig> = objectOf<NetworkConfig>({
  name: text,
  driver: oneOf('bridge'),
  driverOptions: mapOf(text),
  isInternal: flag,
  isAttachable: flag,
  hasIpv6: flag,
  pools: listOf(addressPool),
  labels: mapOf(text),
});

const addressPlan: Shape<AddressPlan> = objectOf<AddressPlan>({
  subnet: parsedBy(parseSubnet),
  gateway: parsedBy(parseAddress),
  range: parsedBy(parseSubnet),
  reserved: listOf(parsedBy(parseAddress)),
});

const storedRecord: Shape<StoredRecord> = objectOf<StoredRecord>({
  version: count,
  id: text,
  config: networkConfig,
  bridge: text,
  createdAt: text,
  ipv4: addressPlan,
  ipv6: optional(addressPlan),
});

function formatPlan(plan: AddressPlan): Readonly<Record<keyof AddressPlan, unknown>> {
  return {
    subnet: formatSubnet(plan.subnet),
    gateway: formatAddress(plan.gateway),
    range: formatSubnet(plan.range),
    reserved: plan.reserved.map(formatAddress),
  };
}

function pathOf(folder: string, name: string): string {
  return join(folder, `${name}.json`);
}

async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return [];
    throw error;
  }
}
