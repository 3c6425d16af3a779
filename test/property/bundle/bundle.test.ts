import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isOcupError } from '../../../src/base/errors.ts';
import { buildSpec } from '../../../src/bundle/build-spec.ts';
import { resolveCapabilities } from '../../../src/bundle/capabilities.ts';
import {
  formatResolvConf,
  parseResolvConf,
  type ResolvConf,
} from '../../../src/bundle/container-files.ts';
import { formatSpec, parseSpec } from '../../../src/bundle/format-spec.ts';
import { type BundleMount, normalizePath } from '../../../src/bundle/mounts.ts';
import { parseSeccompProfile } from '../../../src/bundle/parse-seccomp.ts';
import { mergeEnv } from '../../../src/bundle/process-env.ts';
import { resolveUser } from '../../../src/bundle/resolve-user.ts';
import { buildRlimits } from '../../../src/bundle/rlimits.ts';
import { CAPABILITIES } from '../../../src/model/capability.ts';
import { specHost, specInput } from '../../support/spec-values.ts';

/** Runs `work`; an error of the room is an answer too, any other is a bug. */
function answer<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isOcupError(error, 'E_BUNDLE_INVALID') || isOcupError(error, 'E_BUNDLE_USER')) {
      return undefined;
    }
    throw error;
  }
}

const word = fc.stringMatching(/^[a-z0-9_.-]{1,8}$/);
const path = fc.array(word, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
const capability = fc.constantFrom(...CAPABILITIES, 'ALL', 'net_admin', 'chown');
const limit = fc.oneof(fc.constant(-1), fc.nat());

const mount: fc.Arbitrary<BundleMount> = fc.oneof(
  fc.record({
    kind: fc.constant('bind' as const),
    source: path,
    target: path,
    isReadOnly: fc.boolean(),
    propagation: fc.constantFrom(undefined, 'rshared' as const, 'rslave' as const),
    isRecursive: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('tmpfs' as const),
    target: path,
    isReadOnly: fc.boolean(),
    options: fc.subarray(['exec', 'size=64m', 'mode=755']),
  }),
);

const input = fc
  .record({
    config: fc.record({
      hasTty: fc.boolean(),
      isReadOnly: fc.boolean(),
      isPrivileged: fc.boolean(),
      capAdd: fc.array(capability, { maxLength: 4 }),
      capDrop: fc.array(capability, { maxLength: 4 }),
      environment: fc.dictionary(word, fc.option(fc.string())),
      annotations: fc.dictionary(fc.string(), fc.string()),
      ulimits: fc.array(
        fc.record({ name: fc.constantFrom('nofile', 'core'), soft: limit, hard: limit }),
        { maxLength: 2 },
      ),
    }),
    mounts: fc.uniqueArray(mount, { maxLength: 6, selector: ({ target }) => target }),
    args: fc.array(fc.string(), { minLength: 1, maxLength: 4 }),
    purpose: fc.constantFrom('run' as const, 'export' as const),
    host: fc.record({ cgroupVersion: fc.constantFrom(1 as const, 2 as const, undefined) }),
  })
  .map(specInput);

describe('runtime specs', () => {
  test('the same input gives the same bytes, whatever the order of its members', () => {
    const turn = <T extends object>(value: T): T =>
      Object.fromEntries(Object.entries(value).reverse()) as T;
    fc.assert(
      fc.property(input, (one) => {
        const other = {
          ...one,
          config: { ...turn(one.config), environment: turn(one.config.environment) },
        };
        const [a, b] = [one, other].map((each) => answer(() => formatSpec(buildSpec(each))));
        expect(b).toBe(a);
      }),
    );
  });

  test('what is written reads the same', () => {
    fc.assert(
      fc.property(input, (one) => {
        const spec = answer(() => buildSpec(one));
        if (spec !== undefined) expect(parseSpec(formatSpec(spec))).toEqual(spec);
      }),
    );
  });

  test('no mount hides one before it', () => {
    fc.assert(
      fc.property(input, (one) => {
        const targets = answer(() => buildSpec(one))?.mounts.map((each) => each.destination) ?? [];
        targets.forEach((target, index) => {
          const hidden = targets
            .slice(0, index)
            .filter((before) => before === target || before.startsWith(`${target}/`));
          // A mount on /dev or /sys may lie over what was ours below it, which is then left out.
          expect(hidden.filter((before) => !isOurs(before))).toEqual([]);
        });
      }),
    );
  });
});

function isOurs(target: string): boolean {
  return /^\/(proc|dev|sys)(\/|$)/.test(target);
}

describe('parts', () => {
  test('capabilities are in order, known and never more than asked for', () => {
    fc.assert(
      fc.property(fc.array(capability), fc.array(capability), (capAdd, capDrop) => {
        const config = { capAdd, capDrop, isPrivileged: false };
        const { value } = resolveCapabilities(config, specHost());
        expect(value).toEqual(CAPABILITIES.filter((name) => value.includes(name)));
        for (const name of capDrop) {
          const added = capAdd.map((each) => each.toUpperCase().replace(/^(?!CAP_|ALL)/, 'CAP_'));
          const isAdded = added.includes(name) && !added.includes('ALL');
          if (name.startsWith('CAP_') && !isAdded) expect(value).not.toContain(name);
        }
      }),
    );
  });

  test('a limit is never above the one that cannot be raised', () => {
    fc.assert(
      fc.property(limit, limit, fc.nat(), (soft, hard, ceiling) => {
        const host = {
          canRaiseLimits: false,
          limits: { nofile: { soft: ceiling, hard: ceiling } },
        };
        const limits = answer(() => buildRlimits([{ name: 'nofile', soft, hard }], host))?.value;
        for (const each of limits ?? []) {
          expect(each.hard <= ceiling && each.soft <= each.hard).toBe(true);
        }
      }),
    );
  });

  test('a normal path stays as it is, and never climbs', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('..', '.', '', 'a', 'b')), (parts) => {
        const normal = normalizePath(`/${parts.join('/')}`);
        expect(normalizePath(normal)).toBe(normal);
        expect(normal).toMatch(/^\/([ab](\/[ab])*)?$/);
      }),
    );
  });

  test('resolver files read as they were written', () => {
    const words = fc.array(
      word.filter((text) => text !== ''),
      { maxLength: 3 },
    );
    const conf: fc.Arbitrary<ResolvConf> = fc.record({
      nameservers: words,
      search: words,
      options: fc.uniqueArray(word, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(conf, (one) => {
        expect(parseResolvConf(formatResolvConf(one))).toEqual(one);
      }),
    );
  });

  test('an added variable is there once, and no other is lost', () => {
    const variables = fc.dictionary(fc.stringMatching(/^[A-Z]{1,3}$/), fc.string());
    fc.assert(
      fc.property(variables, variables, (before, added) => {
        const env = Object.entries(before).map(([name, value]) => `${name}=${value}`);
        const merged = Object.fromEntries(
          mergeEnv(env, added).map((entry) => {
            const at = entry.indexOf('=');
            return [entry.slice(0, at), entry.slice(at + 1)];
          }),
        );
        expect(merged).toEqual({ ...before, ...added });
      }),
    );
  });

  test('files from an image never break the look-up of a user', () => {
    const file = fc.option(fc.string({ unit: 'binary' }), { nil: undefined });
    const line = fc.array(fc.oneof(fc.string(), fc.nat().map(String)), { maxLength: 8 });
    const lines = fc.array(line.map((fields) => fields.join(':'))).map((all) => all.join('\n'));
    fc.assert(
      fc.property(
        fc.oneof(file, lines),
        fc.oneof(file, lines),
        fc.string(),
        (passwd, group, user) => {
          const resolved = answer(() => resolveUser({ passwd, group }, user, []));
          if (resolved === undefined) return;
          for (const id of [resolved.uid, ...resolved.additionalGids]) {
            expect(Number.isInteger(id) && id >= 0 && id < 2 ** 31).toBe(true);
          }
          expect(resolved.additionalGids).toContain(resolved.gid);
          expect(resolved.home.startsWith('/')).toBe(true);
        },
      ),
    );
  });

  test('a seccomp profile is read or refused with a place, whatever it holds', () => {
    const profile = fc.record(
      {
        defaultAction: fc.oneof(fc.constant('SCMP_ACT_ERRNO'), fc.jsonValue()),
        syscalls: fc.oneof(
          fc.array(fc.record({ names: fc.jsonValue(), action: fc.constant('SCMP_ACT_ALLOW') })),
          fc.jsonValue(),
        ),
        archMap: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(profile, fc.jsonValue()), (value) => {
        answer(() => parseSeccompProfile(JSON.stringify(value), 'p.json'));
      }),
    );
  });
});
