import { describe, expect, test } from '@jest/globals';
import { formatDiagnostic } from '../../../src/compose/problems.ts';
import { formatFrame } from '../../../src/compose/source-frame.ts';
import { type Files, load } from '../../support/compose-loading.ts';

/** The topics of the warnings, each with its line. */
async function topicsOf(
  files: Files | string,
  environment: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const { diagnostics } = await load(files, { environment, userIds: { uid: 1000, gid: 100 } });
  return diagnostics.map(({ topic, position }) => `${position?.line ?? 0} ${topic ?? '-'}`);
}

const EVERYTHING = {
  'compose.yaml': `version: "3"
services:
  a:
    image: x
    user: $UID
    command: sh -c a && b
    hostname: h$NOTHING
    ports: ["80:80"]
    cpu_count: 1
`,
  'compose.override.yaml': 'services: {a: {ports: ["81:80"]}}\n',
};

const ALL = [
  '1 obsolete-version',
  '4 latest-tag',
  '5 user-ids',
  '6 shell-operators',
  '7 unset-variable',
  '9 unsupported',
  '1 merged-ports',
];

describe('warnings', () => {
  test('must name their topic and place', async () => {
    expect(await topicsOf(EVERYTHING)).toEqual(ALL);
  });

  test.each(ALL.map((line) => line.slice(2)))(
    'must be silenced by a variable: %s',
    async (topic) => {
      const left = await topicsOf(EVERYTHING, { OCUP_SILENCE: topic });
      expect(left).toEqual(ALL.filter((line) => !line.endsWith(topic)));
    },
  );

  test('must be silenced by a file', async () => {
    const silence = 'x-ocup: {silence: [latest-tag, merged-ports, user-ids, unset-variable]}';
    const files = { ...EVERYTHING, 'compose.override.yaml': `services: {}\n${silence}\n` };
    expect(await topicsOf(files)).toEqual([
      '1 obsolete-version',
      '6 shell-operators',
      '9 unsupported',
    ]);
  });

  test('must all be silenced by `all`', async () => {
    expect(await topicsOf(EVERYTHING, { OCUP_SILENCE: 'all' })).toEqual([]);
  });

  test('must tell a topic that is none', async () => {
    const text = 'services: {a: {image: "x:1"}}\nx-ocup: {silence: [latest-tags]}';
    const { diagnostics } = await load(text);
    expect(diagnostics.map((item) => formatDiagnostic(item, '/project'))).toEqual([
      'compose.yaml:2:20: x-ocup.silence[0]: names no kind of warning\n  hint: did you mean `latest-tag`?',
    ]);
  });
});

describe('images', () => {
  test.each([
    'x:1',
    'x@sha256:' + 'a'.repeat(64),
    'r:5000/x:v',
    'oci:./folder',
    'oci-archive:./f.tar',
  ])('must not be warned about: %s', async (image) => {
    expect(await topicsOf(`services: {a: {image: ${image}}}`)).toEqual([]);
  });

  test.each(['x', 'x:latest', 'r:5000/x'])('must be warned about: %s', async (image) => {
    expect(await topicsOf(`services: {a: {image: "${image}"}}`)).toEqual(['1 latest-tag']);
  });

  test('must not be warned about where the pull policy is said', async () => {
    expect(await topicsOf('services: {a: {image: x, pull_policy: always}}')).toEqual([]);
  });
});

describe('ids of the user', () => {
  test('must not go before a default that the file names', async () => {
    const options = { userIds: { uid: 1000, gid: 100 } };
    const { services } = await load(
      'services: {a: {image: "x:1", user: "${UID:-5}:${GID}"}}',
      options,
    );
    expect(services[0]?.container.user).toBe('5:100');
  });
});

describe('formatFrame', () => {
  test('must show the line with a caret below the column', () => {
    expect(formatFrame(['a:', '  b: c'], { file: 'f', line: 2, column: 3 })).toBe(
      '  2 |   b: c\n    |   ^',
    );
  });

  test('must keep tabs, and show no control characters', () => {
    expect(formatFrame(['\ta\u001b[2Jb'], { file: 'f', line: 1, column: 3 })).toBe(
      '  1 | \ta·[2Jb\n    | \t ^',
    );
  });

  test('must cut long lines around the place', () => {
    const frame = formatFrame([`${'a'.repeat(300)}!${'b'.repeat(300)}`], {
      file: 'f',
      line: 1,
      column: 301,
    });
    const [line = '', caret = ''] = frame?.split('\n') ?? [];
    expect(line.length).toBeLessThan(110);
    expect(line[caret.indexOf('^')]).toBe('!');
  });

  test('must be left out where there is no such line', () => {
    expect(formatFrame(['a'], { file: 'f', line: 2, column: 1 })).toBeUndefined();
    expect(formatFrame(undefined, { file: 'f', line: 1, column: 1 })).toBeUndefined();
  });
});
