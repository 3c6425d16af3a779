import { describe, expect, test } from '@jest/globals';
import {
  isPrivateAddress,
  parseInsecureRegistries,
  registryHost,
} from '../../../src/image/registry/hosts.ts';
import { parseReference } from '../../../src/model/reference.ts';

const origin = (name: string, insecure = ''): string => {
  const reference = parseReference(name);
  return registryHost(reference, parseInsecureRegistries(insecure).has(reference.domain)).origin;
};

describe('where the API of a registry is', () => {
  test.each([
    ['nginx', 'https://registry-1.docker.io'],
    ['quay.io/a/b', 'https://quay.io'],
    ['localhost:5000/a', 'http://localhost:5000'],
    ['127.0.0.1:5000/a', 'http://127.0.0.1:5000'],
    ['127.1.2.3:5000/a', 'http://127.1.2.3:5000'],
    ['[::1]:5000/a', 'http://[::1]:5000'],
    ['127.0.0.1.example.com/a', 'https://127.0.0.1.example.com'],
    ['10.0.0.1:5000/a', 'https://10.0.0.1:5000'],
  ])('%s is at %s', (name, expected) => {
    expect(origin(name)).toBe(expected);
  });

  test('plain HTTP is spoken to hosts that are named, with their port', () => {
    expect(origin('10.0.0.1:5000/a', '10.0.0.1:5000, other')).toBe('http://10.0.0.1:5000');
    expect(origin('10.0.0.1:5001/a', '10.0.0.1:5000')).toBe('https://10.0.0.1:5001');
  });
});

describe('private addresses', () => {
  test.each([
    ...[
      'localhost',
      '127.0.0.1',
      '10.1.2.3',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '169.254.169.254',
    ],
    ...[
      '100.64.0.1',
      '0.0.0.0',
      '::1',
      '::',
      'fd00::1',
      'fe80::1',
      '::ffff:10.0.0.1',
      '::ffff:a00:1',
    ],
  ])('%s is one', (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  });

  test.each([
    '8.8.8.8',
    '172.32.0.1',
    '172.15.0.1',
    '100.128.0.1',
    '2001:db8::1',
    'example.com',
    '10.example.com',
  ])('%s is none', (address) => {
    expect(isPrivateAddress(address)).toBe(false);
  });
});
