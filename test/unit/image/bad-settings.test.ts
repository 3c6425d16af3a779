import { expect, test } from '@jest/globals';
import { badSettings } from '../../../src/image/registry/settings/settings-file.ts';

test.each([
  'mirror "https://user:hunter22@mirror.example/a b" is not an address',
  'ftp://user:hunter22@mirror.example',
  'cannot use https://mirror.example/?token=hunter22',
])('an error of settings shows no login: %s', (reason) => {
  const { message } = badSettings('/etc/docker/daemon.json', reason);
  expect(message).toContain('/etc/docker/daemon.json');
  expect(message).toContain('mirror.example');
  expect(message).not.toContain('hunter22');
});
