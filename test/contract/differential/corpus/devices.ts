import type { Case } from '../case.ts';

const DENY_ALL = { allow: false, access: 'rwm' };
const rules = (...list: readonly Record<string, unknown>[]) => ({
  linux: { resources: { devices: list } },
});
const FUSE = 'device=c:10:229 device=c:1:5';
const node = (patch: Record<string, unknown>) => ({
  linux: { devices: [{ path: '/dev/thing', type: 'c', major: 10, minor: 229, ...patch }] },
});

/** Device nodes, and the rules over them. */
export const DEVICE_CASES: readonly Case[] = [
  { name: 'devices: what is always there', probe: `tree=/dev ${FUSE}`, isBrief: true },
  { name: 'devices: a node', patch: node({ fileMode: 0o640, uid: 7, gid: 8 }), probe: 'tree=/dev' },
  { name: 'devices: a node of no mode', patch: node({}), probe: 'path=/dev/thing' },
  { name: 'devices: unbuffered', patch: node({ type: 'u' }), probe: 'path=/dev/thing' },
  {
    name: 'devices: a block device',
    patch: node({ type: 'b', major: 7, minor: 0 }),
    probe: 'tree=/dev',
  },
  {
    name: 'devices: a fifo',
    patch: { linux: { devices: [{ path: '/dev/pipe', type: 'p', fileMode: 0o600 }] } },
    probe: 'tree=/dev',
  },
  {
    name: 'devices: below a folder that is made',
    patch: node({ path: '/dev/a/b/thing' }),
    probe: 'tree=/dev/a',
  },
  { name: 'devices: outside of /dev', patch: node({ path: '/thing' }), probe: 'path=/thing' },
  {
    name: 'devices: in the place of a usual one',
    patch: node({ path: '/dev/null', major: 1, minor: 5 }),
    probe: 'tree=/dev',
  },
  {
    name: 'devices: the same twice',
    patch: {
      linux: { devices: [1, 2].map(() => ({ path: '/dev/thing', type: 'c', major: 1, minor: 3 })) },
    },
    probe: 'path=/dev/thing',
  },
  { name: 'devices: a relative path', patch: node({ path: 'dev/thing' }) },
  { name: 'devices: type unknown', patch: node({ type: 'x' }) },
  { name: 'devices: type absent', patch: node({ type: null }) },
  { name: 'devices: path absent', patch: node({ path: null }) },
  { name: 'devices: minor negative', patch: node({ minor: -1 }) },
  { name: 'device rules: none', patch: rules(), probe: FUSE },
  { name: 'device rules: absent', patch: { linux: { resources: null } }, probe: FUSE },
  {
    name: 'device rules: all allowed',
    patch: rules({ allow: true, access: 'rwm' }),
    probe: `${FUSE} device=b:7:0`,
    isBrief: true,
  },
  {
    name: 'device rules: one allowed',
    patch: rules(DENY_ALL, { allow: true, type: 'c', major: 10, minor: 229, access: 'rwm' }),
    probe: FUSE,
  },
  {
    name: 'device rules: one to read',
    patch: rules(DENY_ALL, { allow: true, type: 'c', major: 10, minor: 229, access: 'r' }),
    probe: FUSE,
    isBrief: true,
  },
  {
    name: 'device rules: a whole major',
    patch: rules(DENY_ALL, { allow: true, type: 'c', major: 10, access: 'rw' }),
    probe: `${FUSE} device=c:10:200`,
  },
  {
    name: 'device rules: a minor of every major',
    patch: rules(DENY_ALL, { allow: true, type: 'c', minor: 229, access: 'rwm' }),
    probe: FUSE,
  },
  {
    name: 'device rules: all but one',
    patch: rules(
      { allow: true, access: 'rwm' },
      { allow: false, type: 'c', major: 10, minor: 229, access: 'rwm' },
    ),
    probe: `${FUSE} device=c:10:200`,
  },
  {
    name: 'device rules: all may be used, one not made',
    patch: rules(
      { allow: true, access: 'rwm' },
      { allow: false, type: 'c', major: 10, minor: 229, access: 'm' },
    ),
    probe: FUSE,
  },
  {
    name: 'device rules: a usual one denied of all',
    patch: rules(
      { allow: true, access: 'rwm' },
      { allow: false, type: 'c', major: 1, minor: 5, access: 'rwm' },
    ),
    probe: FUSE,
  },
  {
    name: 'device rules: denied of all and partly allowed again',
    patch: rules(
      { allow: true, access: 'rwm' },
      { allow: false, type: 'c', major: 10, minor: 229, access: 'rwm' },
      { allow: true, type: 'c', major: 10, minor: 229, access: 'r' },
    ),
    probe: FUSE,
  },
  {
    name: 'device rules: only making denied of all',
    patch: rules({ allow: true, access: 'rwm' }, { allow: false, access: 'm' }),
    probe: FUSE,
  },
  {
    name: 'device rules: reading and writing by two rules',
    patch: rules(
      DENY_ALL,
      { allow: true, type: 'c', major: 10, minor: 229, access: 'r' },
      { allow: true, type: 'c', major: 10, minor: 229, access: 'w' },
    ),
    probe: FUSE,
  },
  {
    name: 'device rules: a hole in a whole major',
    patch: rules(
      DENY_ALL,
      { allow: true, type: 'c', major: 10, access: 'rwm' },
      { allow: false, type: 'c', major: 10, minor: 229, access: 'w' },
    ),
    probe: FUSE,
  },
  {
    name: 'device rules: a whole major denied after one of it',
    patch: rules(
      DENY_ALL,
      { allow: true, type: 'c', major: 10, minor: 229, access: 'rwm' },
      { allow: false, type: 'c', major: 10, access: 'w' },
    ),
    probe: FUSE,
  },
  {
    name: 'device rules: denied after allowed',
    patch: rules(
      DENY_ALL,
      { allow: true, type: 'c', major: 10, minor: 229, access: 'rwm' },
      { allow: false, type: 'c', major: 10, minor: 229, access: 'w' },
    ),
    probe: FUSE,
  },
  {
    name: 'device rules: a usual one denied',
    patch: rules(DENY_ALL, { allow: false, type: 'c', major: 1, minor: 5, access: 'rwm' }),
    probe: FUSE,
  },
  {
    name: 'device rules: type a',
    patch: rules(
      { allow: false, type: 'a', access: 'rwm' },
      { allow: true, type: 'a', major: -1, minor: -1, access: 'rwm' },
    ),
    probe: FUSE,
  },
  {
    name: 'device rules: make only',
    patch: rules(DENY_ALL, { allow: true, type: 'b', major: 7, access: 'm' }),
    probe: 'device=b:7:0',
  },
  {
    name: 'device rules: access absent',
    patch: rules(DENY_ALL, { allow: true, type: 'c', major: 10, minor: 229 }),
    probe: FUSE,
  },
  {
    name: 'device rules: access unknown',
    patch: rules(DENY_ALL, { allow: true, type: 'c', major: 10, minor: 229, access: 'rx' }),
    probe: FUSE,
  },
  {
    name: 'device rules: type unknown',
    patch: rules(DENY_ALL, { allow: true, type: 'z', access: 'rwm' }),
  },
];
