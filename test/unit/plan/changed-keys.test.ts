import { expect, test } from '@jest/globals';
import type { Mount } from '../../../src/model/container.ts';
import { changedKeys, serviceFingerprint } from '../../../src/plan/fingerprint.ts';
import { changedNetworkKeys, changedVolumeKeys } from '../../../src/plan/resource-changes.ts';
import {
  networkConfig,
  type ServiceChanges,
  service,
  volumeConfig,
} from '../../support/project-values.ts';

function keysBetween(before: ServiceChanges, now: ServiceChanges): string[] {
  const [first, second] = [before, now].map((item) => serviceFingerprint(service('web', item)));
  return changedKeys(first ?? {}, second ?? {});
}

const file = (content: string): Mount => {
  return { kind: 'file', target: '/run/secrets/s', content, mode: 0o444, uid: 0, gid: 0 };
};

test('a config or secret whose content has changed is told by its path in the container', () => {
  const [before, now] = ['a', 'b'].map((text) => ({ container: { mounts: [file(text)] } }));
  expect(keysBetween(before ?? {}, now ?? {})).toEqual(['content of /run/secrets/s']);
});

test('a probe of x-ocup is told, and no extension that says nothing of the container', () => {
  const canonical = (port: number, note: string) => ({
    canonical: { 'x-note': note, 'x-ocup': { ready: { tcp: port }, once: note === 'a' } },
  });
  expect(keysBetween(canonical(80, 'a'), canonical(81, 'b'))).toEqual(['x-ocup.ready.tcp']);
  expect(keysBetween(canonical(80, 'a'), canonical(80, 'b'))).toEqual([]);
});

test('a network and a volume are told by the keys that differ, without the labels of their maker', () => {
  const labels = (version: string, mine: string) => ({
    labels: { 'com.docker.compose.version': version, mine },
  });
  const network = networkConfig('n', labels('1', 'a'));
  expect(changedNetworkKeys(network, networkConfig('n', labels('2', 'a')))).toEqual([]);
  const other = networkConfig('n', {
    ...labels('2', 'b'),
    hasIpv6: true,
    isInternal: true,
    driverOptions: { mtu: '1400' },
  });
  const keys = ['driver_opts.mtu', 'enable_ipv6', 'internal', 'labels.mine'];
  expect(changedNetworkKeys(network, other)).toEqual(keys);
  const volume = volumeConfig('v', labels('1', 'a'));
  expect(changedVolumeKeys(volume, volumeConfig('v', labels('2', 'b')))).toEqual(['labels.mine']);
});
