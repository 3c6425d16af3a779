import type { Case } from '../case.ts';

const wrong = (name: string, patch: Readonly<Record<string, unknown>>): Case => ({
  name: `document: ${name}`,
  patch,
});
const text = (name: string, content: string): Case => ({
  name: `document: ${name}`,
  text: content,
});

/** config.json as a document: cut off, of other types, of other versions. */
export const DOCUMENT_CASES: readonly Case[] = [
  { name: 'document: missing', prepare: 'rm config.json' },
  { name: 'document: a folder', prepare: 'rm config.json; mkdir config.json' },
  text('empty', ''),
  text('cut off', '{"ociVersion":"1.0.2","process":{"args":["/bin/'),
  text('not an object', '[1,2,3]'),
  text('null', 'null'),
  text('an empty object', '{}'),
  text('followed by rubbish', '{} rubbish'),
  text('deeply nested', `${'['.repeat(20000)}${']'.repeat(20000)}`),
  wrong('version absent', { ociVersion: null }),
  wrong('version 2', { ociVersion: '2.0.0' }),
  wrong('version 1.3', { ociVersion: '1.3.0' }),
  wrong('version of a candidate', { ociVersion: '1.2.0-rc.1+dev' }),
  wrong('version rubbish', { ociVersion: 'newest' }),
  wrong('process a list', { process: [] }),
  wrong('root a text', { root: 'rootfs' }),
  wrong('mounts an object', { mounts: {} }),
  wrong('linux absent', { linux: null }),
  wrong('hooks a list', { hooks: [] }),
  wrong('env of numbers', { process: { env: [1, 2] } }),
  wrong('terminal a text', { process: { terminal: 'yes' } }),
  wrong('uid a text', { process: { user: { uid: '0', gid: 0 } } }),
  wrong('uid a fraction', { process: { user: { uid: 1.5, gid: 0 } } }),
  wrong('annotation not a text', { annotations: { a: 1 } }),
  wrong('unknown members', { dream: { of: [1] }, process: { dream: true }, linux: { dream: 1 } }),
  wrong('hostname a number', { hostname: 5 }),
  wrong('namespaces an object', { linux: { namespaces: {} } }),
  wrong('intelRdt', { linux: { intelRdt: { closID: 'x', l3CacheSchema: 'L3:0=f' } } }),
  wrong('network device that is missing', { linux: { netDevices: { nodev0: {} } } }),
];
