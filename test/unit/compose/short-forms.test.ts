import { describe, expect, test } from '@jest/globals';
import { findDurationNs, formatDurationNs } from '../../../src/compose/duration.ts';
import { findClosest } from '../../../src/compose/did-you-mean.ts';
import { parsePortSpec } from '../../../src/compose/port-spec.ts';
import { splitShellWords } from '../../../src/compose/shell-words.ts';
import { parseVolumeSpec } from '../../../src/compose/volume-spec.ts';
import { TIMESTAMP, resolvePlainScalar } from '../../../src/compose/yaml-scalar.ts';

describe('splitShellWords', () => {
  test.each([
    ['a b', ['a', 'b']],
    ['a "b c" \'d "e\'', ['a', 'b c', 'd "e']],
    ['a\\ b "c\\"d" \'e\\f\'', ['a b', 'c"d', 'e\\f']],
    ['a "" \'\'b', ['a', '', 'b']],
    ['a\tb\nc', ['a', 'b', 'c']],
    ['a `b c` $(d e)', ['a', '`b c`', '$(d e)']],
    ['sh -c "a && b; c"', ['sh', '-c', 'a && b; c']],
    ['a\\;b # c', ['a;b', '#', 'c']],
    ['', []],
  ])('%j must split into %j', (line, words) => {
    expect(splitShellWords(line)).toEqual({ kind: 'words', words, stoppedAt: undefined });
  });

  test.each([
    ['a && b', ['a'], '&'],
    ['a;b', ['a'], ';'],
    ['a | b', ['a'], '|'],
    ['a 2> b', ['a'], '>'],
    ['a <b', ['a'], '<'],
  ])('%j must stop at its operator', (line, words, stoppedAt) => {
    expect(splitShellWords(line)).toEqual({ kind: 'words', words, stoppedAt });
  });

  test.each(['a "b', "a 'b", 'a \\', 'a (b)', 'a )', 'a `b', '$((1))'])(
    '%j must be invalid',
    (line) => {
      expect(splitShellWords(line)).toEqual({ kind: 'invalid' });
    },
  );
});

describe('parsePortSpec', () => {
  const brief = (text: string): unknown => {
    const specs = parsePortSpec(text);
    if (specs.kind === 'invalid') return specs.reason;
    return specs.ports.map(
      ({ hostIp, published, target, protocol }) =>
        `${hostIp ?? '*'}:${published ?? '?'}:${target}/${protocol}`,
    );
  };

  test.each([
    ['80', ['*:?:80/tcp']],
    ['8080:80', ['*:8080:80/tcp']],
    ['127.0.0.1:8080:80/udp', ['127.0.0.1:8080:80/udp']],
    ['127.0.0.1::80', ['127.0.0.1:?:80/tcp']],
    ['[::1]:8080:80', ['::1:8080:80/tcp']],
    ['3000-3001:4000-4001', ['*:3000:4000/tcp', '*:3001:4001/tcp']],
    ['8000-8010:80', ['*:8000-8010:80/tcp']],
    ['9-10:9-10', ['*:10:10/tcp', '*:9:9/tcp']],
  ])('%s must become %j', (text, expected) => {
    expect(brief(text)).toEqual(expected);
  });

  test.each([
    ['a', 'Invalid containerPort: a'],
    ['a:80', 'Invalid hostPort: a'],
    ['70000', 'Invalid containerPort: 70000'],
    ['80-82:80-81', 'Invalid ranges specified for container and host Ports: 80-81 and 80-82'],
    ['80/foo', 'Invalid proto: foo'],
    ['localhost:80:80', 'Invalid ip address: localhost'],
    ['80:', 'No port specified: 80:<empty>'],
  ])('%s must be refused', (text, reason) => {
    expect(brief(text)).toBe(reason);
  });
});

describe('parseVolumeSpec', () => {
  test.each([
    ['/data', 'volume', undefined, '/data'],
    ['name:/data', 'volume', 'name', '/data'],
    ['./a:/data', 'bind', './a', '/data'],
    ['~/a:/data', 'bind', '~/a', '/data'],
    ['C:\\a:/data', 'bind', 'C:\\a', '/data'],
    ['${X:-/a}:/data', 'volume', '${X:-/a}', '/data'],
  ])('%s must be a %s', (text, type, source, target) => {
    expect(parseVolumeSpec(text)).toMatchObject({ kind: 'volume', type, source, target });
  });

  test('options must be read, and those that mean nothing named', () => {
    expect(parseVolumeSpec('/a:/b:ro,z,rshared,nocopy,wtf')).toMatchObject({
      isReadOnly: true,
      selinux: 'z',
      propagation: 'rshared',
      noCopy: true,
      ignored: ['wtf'],
    });
  });

  test.each(['', ':/a', '/aa:', 'ab:/b:ro:x'])('%j must be invalid', (text) => {
    expect(parseVolumeSpec(text).kind).toBe('invalid');
  });
});

describe('durations', () => {
  test.each([
    ['1m30s', '1m30s'],
    ['90s', '1m30s'],
    ['1.5h', '1h30m0s'],
    ['1w2d', '216h0m0s'],
    ['0', '0s'],
    ['1500us', '1.5ms'],
    ['100ns', '100ns'],
    ['1.000000001s', '1.000000001s'],
    ['-5s', '-5s'],
    ['2562047h47m16.854775807s', '2562047h47m16.854775807s'],
  ])('%s must print as %s', (text, printed) => {
    const ns = findDurationNs(text);
    expect(ns === undefined ? undefined : formatDurationNs(ns)).toBe(printed);
  });

  test.each(['', '5', '5x', 's', '1m 5s', '1e3s', '99999999999h'])('%j must be none', (text) => {
    expect(findDurationNs(text)).toBeUndefined();
  });
});

describe('resolvePlainScalar', () => {
  test.each([
    ['0440', 288],
    ['0o17', 15],
    ['0x1F', 31],
    ['0b11', 3],
    ['1_000', 1000],
    ['08', 8],
    ['-0', 0],
    ['+5', 5],
    ['1e3', 1000],
    ['.5', 0.5],
    ['1.10', 1.1],
    ['12345678901234567890', 12345678901234567890n],
    ['~', null],
    ['True', true],
    ['yes', 'yes'],
    ['22:22', '22:22'],
    ['1.2.3', '1.2.3'],
    ['-', '-'],
    ['2024-01-01', TIMESTAMP],
    ['2024-01', '2024-01'],
  ])('%s must read as %p', (text, value) => {
    expect(resolvePlainScalar(text)).toEqual(value);
  });
});

describe('findClosest', () => {
  test.each([
    ['imge', 'image'],
    ['enviroment', 'environment'],
    ['healtcheck', 'healthcheck'],
    ['volume', 'volumes'],
    ['zzz', undefined],
    ['x', undefined],
  ])('%s must suggest %s', (word, expected) => {
    const known = ['image', 'environment', 'healthcheck', 'volumes', 'ports'];
    expect(findClosest(word, known)).toBe(expected);
  });
});
