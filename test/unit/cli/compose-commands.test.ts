import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runCommand } from '../../../src/cli/program.ts';
import { commandContext, testTerminal } from '../../support/command-context.ts';

const COMPOSE = `services:
  web:
    image: nginx:1
    depends_on: {db: {condition: service_healthy}, cache: {condition: service_started, required: false}}
    logging: {driver: syslog}
    deploy: {mode: global, resources: {limits: {cpus: "1"}}}
    env_file: a.env
    environment: {OUTSIDE: , MISSING: , SHELL_ONLY: , TEXT: "\${OUTSIDE}!"}
    devices: ["vendor.com/class=gpu"]
  db: {image: "postgres:1", depends_on: [vol]}
  cache: {image: "redis:1", depends_on: [vol]}
  vol: {image: "busybox:1"}
`;

const UNMADE = `
services:
  both: { build: { context: . }, image: x:1 }
  only: { build: ., volumes: ["far:/far", "near:/near"] }
volumes:
  far: { driver: nfs }
  near: { driver: local }
`;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocup-compose-commands-'));
  await writeFile(join(folder, 'compose.yaml'), COMPOSE);
  await writeFile(join(folder, 'a.env'), '# first\nFILE=1\nOUTSIDE=file\nLINES="a\nb"\n');
  await writeFile(join(folder, '.env'), '\nOUTSIDE=dotenv\nSHELL_ONLY=dotenv\n');
  await writeFile(join(folder, 'unmade.yaml'), UNMADE);
  await writeFile(join(folder, 'bad.yaml'), 'services:\n  web:\n    imge: nginx\n');
});
afterAll(() => rm(folder, { recursive: true }));

async function run(argv: readonly string[], isTerminal = false) {
  const context = commandContext(argv, {
    workingDir: folder,
    environment: { SHELL_ONLY: 'shell' },
    ...(isTerminal ? { terminal: testTerminal(80, 24) } : {}),
  });
  const code = await runCommand(context);
  return { code, output: context.output(), errors: context.errors() };
}

describe('check', () => {
  test('must tell the attributes that are not fully supported, with place and reason', async () => {
    const { code, output } = await run(['check', '--quiet', 'web']);
    expect(output.split('\n').map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
      'degraded compose.yaml:5:15 services.web.logging.driver: ocup keeps all output in its own log',
      'ignored compose.yaml:6:14 services.web.deploy.mode: it concerns clusters only',
      'refused compose.yaml:9:15 services.web.devices[0]: device vendor.com/class=gpu is no path: CDI is not supported yet',
      '12 attributes: 9 supported, 1 degraded, 1 ignored, 1 refused',
      '',
    ]);
    expect(code).toBe(2);
  });

  test('must list what is written, not what is implied', async () => {
    const { code, output } = await run(['check', 'db', '--format', 'json']);
    const paths = (JSON.parse(output) as { path: string }[]).map(({ path }) => path);
    expect(paths).toEqual(['services.db.image', 'services.db.depends_on']);
    expect(code).toBe(0);
  });

  test('must tell what up cannot make, although it loads', async () => {
    const { code, output } = await run(['-f', 'unmade.yaml', 'check', '--format', 'json']);
    const uses = JSON.parse(output) as { path: string; status: string }[];
    expect(uses.map(({ path, status }) => `${status} ${path}`)).toEqual([
      'degraded services.both.build',
      'supported services.both.image',
      'refused services.only.build',
      'supported services.only.volumes',
      'refused volumes.far.driver',
      'supported volumes.near.driver',
    ]);
    expect(code).toBe(2);
  });

  test('must end with 1 for a file that is wrong', async () => {
    expect((await run(['-f', 'bad.yaml', 'check'])).code).toBe(1);
  });
});

describe('env', () => {
  test('must name the line that sets each variable', async () => {
    const { code, output } = await run(['env', 'web', '--format', 'json']);
    const rows = (JSON.parse(output) as Record<string, unknown>[]).map(
      ({ name, value, file, line, valueFrom }) => [
        name,
        value,
        `${String(file).slice(folder.length + 1)}:${String(line)}`,
        valueFrom,
      ],
    );
    expect(rows).toEqual([
      ['FILE', '1', 'a.env:2', null],
      ['LINES', 'a\nb', 'a.env:4', null],
      ['MISSING', null, 'compose.yaml:8', null],
      ['OUTSIDE', 'dotenv', 'compose.yaml:8', '.env:2'],
      ['SHELL_ONLY', 'shell', 'compose.yaml:8', null],
      ['TEXT', 'dotenv!', 'compose.yaml:8', null],
    ]);
    expect(code).toBe(0);
  });

  test('must keep a row on its line', async () => {
    const { output } = await run(['env', 'web']);
    expect(output.split('\n')).toHaveLength(8);
    expect(output).toContain('LINES        a.env:4                            a\\nb\n');
  });

  test('must tell that there is no such service', async () => {
    const { code, errors } = await run(['env', 'nope']);
    expect(errors).toContain('no such service: nope');
    expect(code).toBe(1);
  });
});

describe('graph', () => {
  test('must draw a tree, optional dependencies too', async () => {
    expect((await run(['graph'])).output).toBe(
      [
        'web',
        '|-- cache (started, optional)',
        '|   `-- vol (started)',
        '`-- db (healthy)',
        '    `-- vol (started)',
        '',
      ].join('\n'),
    );
  });

  test('must begin with the services that are named', async () => {
    expect((await run(['graph', 'db'])).output).toBe('db\n`-- vol (started)\n');
  });

  test('must write what Graphviz reads', async () => {
    const { output } = await run(['graph', '--dot', 'web']);
    expect(output).toMatch(/^digraph "ocup-compose-commands-[^"]+" \{\n/);
    expect(output).toContain('  "web" -> "db" [label="healthy"];\n');
    expect(output).toContain('  "web" -> "cache" [label="started", style=dashed];\n');
  });

  test('must write what Mermaid reads', async () => {
    const { output } = await run(['graph', '--mermaid', 'db']);
    expect(output).toContain('flowchart TD\n');
    expect(output).toContain('["db"]\n');
    expect(output).toMatch(/s\d -->\|started\| s\d/);
  });
});

describe('errors in files', () => {
  test('must show the line on a terminal', async () => {
    const { code, errors } = await run(['-f', 'bad.yaml', 'config'], true);
    expect(errors).toBe(
      [
        'bad.yaml:3:5: services.web: additional property imge is not allowed',
        '  3 |     imge: nginx',
        '    |     ^',
        '  hint: did you mean `image`?',
        '',
      ].join('\n'),
    );
    expect(code).toBe(1);
  });

  test('must be one line and a hint elsewhere', async () => {
    expect((await run(['-f', 'bad.yaml', 'config'])).errors).toBe(
      'bad.yaml:3:5: services.web: additional property imge is not allowed\n  hint: did you mean `image`?\n',
    );
  });
});
