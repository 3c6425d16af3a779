import { describe, expect, test } from '@jest/globals';
import { errorsOf, loadService } from '../../support/compose-loading.ts';

describe('x-ocup.ready', () => {
  test.each([
    ['{tcp: 5432}', { kind: 'tcp', port: 5432 }],
    ['{tcp: "5432"}', { kind: 'tcp', port: 5432 }],
    ['{http: 80}', { kind: 'http', port: 80, path: '/', status: undefined }],
    [
      '{http: {port: 80, path: /health, status: 204}}',
      { kind: 'http', port: 80, path: '/health', status: 204 },
    ],
    ['{log: "ready to accept"}', { kind: 'log', pattern: 'ready to accept' }],
    ['{file: /run/ready}', { kind: 'file', path: '/run/ready' }],
  ])('reads %s', async (text, ready) => {
    const { container } = await loadService(`x-ocup: {ready: ${text}}`);
    expect(container.healthcheck).toMatchObject({ ready, isStrict: false });
  });

  test('strict alone leaves the probe to the image', async () => {
    const { container } = await loadService('x-ocup: {strict: true}');
    expect(container.healthcheck).toMatchObject({ ready: undefined, isStrict: true });
  });

  test.each([
    ['x-ocup: {ready: {tcp: 0}}', 'tcp must be a port'],
    ['x-ocup: {ready: {tcp: 80, file: /x}}', 'ready must have one kind of probe'],
    ['x-ocup: {ready: {udp: 80}}', 'ready must have one kind of probe'],
    ['x-ocup: {ready: {log: "("}}', 'log is no valid regular expression'],
    ['x-ocup: {ready: {file: relative}}', 'file must be an absolute path'],
    ['x-ocup: {ready: {tcp: 80}}, healthcheck: {test: a}', 'a service has one probe'],
  ])('refuses %s', async (text, message) => {
    expect(await errorsOf(`services: {s: {image: x, ${text}}}`)).toEqual([
      expect.stringContaining(message),
    ]);
  });
});
