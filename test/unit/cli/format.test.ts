import { describe, expect, test } from '@jest/globals';
import { containerRow, formatStatus } from '../../../src/cli/format/container-row.ts';
import { formatAgo, formatDuration, formatTimestamp } from '../../../src/cli/format/duration.ts';
import { splitImageName } from '../../../src/cli/format/image-name.ts';
import { formatPorts, publishersOf } from '../../../src/cli/format/ports.ts';
import { ellipsis, formatTable } from '../../../src/cli/format/table.ts';
import { formatRows, type ListFormat } from '../../../src/cli/format/template.ts';
import { type Container, type PublishedPort, UNKNOWN_EXIT } from '../../../src/model/container.ts';
import { container, containerConfig } from '../../support/project-values.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('formatDuration', () => {
  test.each([
    [0, 'Less than a second'],
    [999, 'Less than a second'],
    [SECOND, '1 second'],
    [59 * SECOND, '59 seconds'],
    [60 * SECOND, 'About a minute'],
    [2 * MINUTE, '2 minutes'],
    [59 * MINUTE, '59 minutes'],
    [HOUR, 'About an hour'],
    [90 * MINUTE, '2 hours'],
    [47 * HOUR, '47 hours'],
    [48 * HOUR, '2 days'],
    [13 * DAY, '13 days'],
    [14 * DAY, '2 weeks'],
    [59 * DAY, '8 weeks'],
    [61 * DAY, '2 months'],
    [729 * DAY, '24 months'],
    [731 * DAY, '2 years'],
  ])('%d ms must read as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test('a time in the future is no time ago, and a missing one is nothing', () => {
    expect(formatAgo('2026-01-01T00:00:10Z', Date.parse('2026-01-01T00:00:00Z'))).toBe(
      'Less than a second ago',
    );
    expect(formatAgo(undefined, 0)).toBe('');
  });

  test('a timestamp must be as Go prints it', () => {
    expect(formatTimestamp('2026-01-31T15:04:05.123456789Z')).toBe('2026-01-31 15:04:05 +0000 UTC');
  });
});

describe('formatTable', () => {
  test('columns are at least ten wide, three apart, and the last one is not padded', () => {
    expect(
      formatTable([
        ['NAME', 'STATUS', 'PORTS'],
        ['a-long-name-1', 'Up', ''],
      ]),
    ).toBe('NAME            STATUS    PORTS\na-long-name-1   Up        \n');
  });

  test('a cut text ends in an ellipsis and is as long as asked for', () => {
    expect(ellipsis('docker-entrypoint.sh nginx', 20)).toBe('docker-entrypoint.s…');
    expect(ellipsis('twenty characters ok', 20)).toBe('twenty characters ok');
  });
});

describe('formatRows', () => {
  const list: ListFormat = {
    columns: [
      { header: 'NAME', field: 'Name' },
      { header: 'CREATED', field: 'RunningFor' },
    ],
    headers: { ID: 'CONTAINER ID' },
  };
  const rows = [
    { Name: 'web-1', ID: 'abc', RunningFor: '5 minutes ago', Labels: 'a=1,b=2', ExitCode: 0 },
  ];

  test('json must be one object a line, or one array where docker has one', () => {
    expect(formatRows(rows, 'json', list)).toBe(`${JSON.stringify(rows[0])}\n`);
    expect(formatRows([], 'json', list)).toBe('');
    expect(formatRows([], 'json', { ...list, isJsonArray: true })).toBe('[]\n');
  });

  test.each([
    ['{{.Name}}', 'web-1\n'],
    ['{{ .Name }} is {{.ExitCode}}', 'web-1 is 0\n'],
    ['{{.Name}}\\t{{.ID}}', 'web-1\tabc\n'],
    ['{{json .Name}}', '"web-1"\n'],
    ['{{.Name | upper}}', 'WEB-1\n'],
    ['{{upper .Name}}', 'WEB-1\n'],
    ['{{.Label "b"}}', '2\n'],
    ['{{"x"}}{{.ID}}', 'xabc\n'],
    ['{{if eq .ExitCode 0}}fine{{else}}bad{{end}}', 'fine\n'],
    ['{{if gt .ExitCode 0}}bad{{else if .Name}}named{{else}}none{{end}}', 'named\n'],
    ['{{with .ID}}<{{.}}>{{end}}{{with ""}}never{{else}}!{{end}}', '<abc>!\n'],
    ['{{range $i, $c := split .ID "b"}}{{$i}}={{$c}};{{end}}', '0=a;1=c;\n'],
    ['{{range split "" ","}}[{{.}}]{{end}}', '[]\n'],
    ['a {{- /* nothing */ -}} b', 'ab\n'],
    ['{{$n := .Name}}{{printf "%-6s|%3d|%q" $n .ExitCode $.ID}}', 'web-1 |  0|"abc"\n'],
    ['{{len .ID}} {{index (split .Name "-") 1}} {{join (split .Name "-") "+"}}', '3 1 web+1\n'],
    ['{{$x := 1}}{{range split .ID ""}}{{$x = .}}{{end}}{{$x}}', 'c\n'],
    ['{{$x := 1}}{{if true}}{{$x := 2}}{{end}}{{$x}}', '1\n'],
    ['[{{and nil .Name}}] {{or nil .Name}}', '[] web-1\n'],
    ['{{and .Name .ID}} {{or .ExitCode "zero"}} {{not .ExitCode}}', 'abc zero true\n'],
    ['{{.Name | printf "%s!" | upper}}', 'WEB-1!\n'],
    ['{{if and (ne .Name "x") (or false true)}}yes{{end}}', 'yes\n'],
    ['{{truncate .Name 3}}{{pad .ID 1 1}}{{title "a b"}}', 'web abc A B\n'],
  ])('template %s', (template, expected) => {
    expect(formatRows(rows, template, list)).toBe(expected);
  });

  test('{{json .}} must be the whole row', () => {
    expect(JSON.parse(formatRows(rows, '{{json .}}', list))).toEqual(rows[0]);
  });

  test('a table template has headers', () => {
    expect(formatRows(rows, 'table {{.ID}}\\t{{.RunningFor}}', list)).toBe(
      'CONTAINER ID   CREATED\nabc            5 minutes ago\n',
    );
  });

  test('a table without rows has headers, too', () => {
    expect(formatRows([], 'table {{.ID}}\t{{.Other}}', list)).toBe('CONTAINER ID   OTHER\n');
    expect(formatRows([], 'table {{.Label "a"}}', list)).toBe('a\n');
  });

  test.each(['{{.Nmae}}', '{{.Name', '{{range .Name}}', '{{}}'])(
    'template %s is an error, not an empty line',
    (template) => {
      expect(() => formatRows(rows, template, list)).toThrow(/invalid template/);
    },
  );
});

function published(
  hostPort: number,
  containerPort: number,
  hostIp = '0.0.0.0',
  protocol: 'tcp' | 'udp' = 'tcp',
): PublishedPort {
  return { hostIp, hostPort, containerPort, protocol };
}

describe('formatPorts', () => {
  const ports = (list: PublishedPort[], exposedPorts: string[] = []): string =>
    formatPorts(publishersOf(container({ ports: list, exposedPorts })));

  test('a mapping to another number stands for itself, IPv6 in brackets', () => {
    expect(ports([published(8080, 80), published(8080, 80, '::')])).toBe(
      '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp',
    );
  });

  test('neighbours of the same number are one range', () => {
    expect(ports([3000, 3001, 3002].map((port) => published(port, port)))).toBe(
      '0.0.0.0:3000-3002->3000-3002/tcp',
    );
  });

  test('what is only exposed comes first, and not what is published too', () => {
    expect(ports([published(8080, 80)], ['80/tcp', '443/tcp', '53/udp'])).toBe(
      '53/udp, 443/tcp, 0.0.0.0:8080->80/tcp',
    );
  });

  test('a gap ends a range', () => {
    expect(ports([], ['80/tcp', '82/tcp'])).toBe('80/tcp, 82/tcp');
  });
});

describe('formatStatus', () => {
  const now = Date.parse('2026-01-01T00:05:01Z');
  const exit = (code: number | undefined): Container['exit'] => ({
    ...UNKNOWN_EXIT,
    code,
    at: '2026-01-01T00:03:01Z',
  });

  test.each<[Partial<Container>, string]>([
    [{}, 'Up 5 minutes'],
    [{ health: 'healthy' }, 'Up 5 minutes (healthy)'],
    [{ health: 'starting' }, 'Up 5 minutes (health: starting)'],
    [{ state: 'paused' }, 'Up 5 minutes (Paused)'],
    [{ state: 'exited', exit: exit(137) }, 'Exited (137) 2 minutes ago'],
    [{ state: 'exited', exit: exit(undefined) }, 'Exited (unknown) 2 minutes ago'],
    [{ state: 'restarting', exit: exit(1) }, 'Restarting (1) 2 minutes ago'],
    [{ state: 'created' }, 'Created'],
    [{ state: 'dead' }, 'Dead'],
  ])('%j', (changes, text) => {
    const startedAt = '2026-01-01T00:00:01Z';
    expect(formatStatus(container({ startedAt, ...changes }), now)).toBe(text);
  });
});

describe('containerRow', () => {
  test('must have the keys of docker compose in alphabetical order', () => {
    const keys = Object.keys(containerRow(container(), { nowMs: 0, isTruncated: true }));
    expect(keys).toEqual([
      'Command',
      'CreatedAt',
      'ExitCode',
      'Health',
      'ID',
      'Image',
      'Labels',
      'LocalVolumes',
      'Mounts',
      'Name',
      'Names',
      'Networks',
      'Ports',
      'Project',
      'Publishers',
      'RunningFor',
      'Service',
      'Size',
      'State',
      'Status',
    ]);
  });

  test('an exit nobody saw must not be 0', () => {
    const ended = container({
      state: 'exited',
      exit: { ...UNKNOWN_EXIT, at: '' },
    });
    expect(containerRow(ended, { nowMs: 0, isTruncated: true })['ExitCode']).toBe(255);
  });

  test('the command is quoted and cut', () => {
    const row = containerRow(
      container({ args: ['/docker-entrypoint.sh', 'nginx', '-g', 'daemon off;'] }),
      { nowMs: 0, isTruncated: true },
    );
    expect(row['Command']).toBe('"/docker-entrypoint.…"');
  });

  test('labels are a comma list without what only the planner reads', () => {
    const config = containerConfig({ labels: { b: '2', a: '1', 'ocup.fingerprint': '{}' } });
    expect(containerRow(container({ config }), { nowMs: 0, isTruncated: true })['Labels']).toBe(
      'a=1,b=2',
    );
  });
});

test.each([
  ['nginx', 'nginx', 'latest'],
  ['docker.io/library/nginx:1.27', 'nginx', '1.27'],
  ['localhost:5000/team/app:2', 'localhost:5000/team/app', '2'],
  [`nginx@sha256:${'a'.repeat(64)}`, 'nginx', '<none>'],
  ['oci:/images:web', 'oci:/images', 'web'],
  ['rootfs:/', 'rootfs:/', '<none>'],
])('splitImageName of %s', (name, repository, tag) => {
  expect(splitImageName(name)).toEqual({ repository, tag });
});
