import { describe, expect, test } from '@jest/globals';
import { isOcupError } from '../../../src/base/errors.ts';
import { configHash } from '../../../src/compose/config-hash.ts';
import { formatProject } from '../../../src/compose/format.ts';
import { diagnosticsOf, errorsOf, load, model, warningsOf } from '../../support/compose-loading.ts';

const SIMPLE = 'services: {a: {image: x}}';

describe('finding the files', () => {
  test('must look upwards, and take the folder found as the project', async () => {
    const project = await load(
      { '/project/compose.yaml': SIMPLE, '/project/deep/er/keep': '' },
      { workingDir: '/project/deep/er' },
    );
    expect(project.workingDir).toBe('/project');
    expect(project.name).toBe('project');
  });

  test('must say what is missing when there is none', async () => {
    await expect(load({ 'other.txt': '' })).rejects.toMatchObject({
      code: 'E_COMPOSE_NOT_FOUND',
      message: 'no configuration file provided: not found',
    });
  });

  test('must warn of several names and use the first', async () => {
    const files = { 'docker-compose.yml': SIMPLE, 'compose.yml': SIMPLE };
    const project = await load(files);
    expect(project.configFiles).toEqual(['/project/compose.yml']);
    expect(project.diagnostics[0]?.message).toContain('multiple config files');
  });

  test('- must read standard input', async () => {
    const project = await load(
      {},
      { files: ['-'], stdin: () => Promise.resolve(SIMPLE), sourceFiles: undefined },
    );
    expect(project.services.map(({ name }) => name)).toEqual(['a']);
    expect(project.workingDir).toBe('/project');
  });

  test('a project directory must be what paths are relative to', async () => {
    const project = await load(
      { 'sub/compose.yaml': 'services: {a: {image: x, volumes: ["./d:/d"]}}' },
      { files: ['sub/compose.yaml'], projectDirectory: '/elsewhere' },
    );
    expect(project.services[0]?.container.mounts[0]).toMatchObject({ source: '/elsewhere/d' });
    expect(project.name).toBe('elsewhere');
  });

  test('a file that is not there must be named', async () => {
    expect(await errorsOf(SIMPLE, { files: ['nope.yaml'] })).toEqual([
      '1:1 open /project/nope.yaml: no such file or directory',
    ]);
  });
});

describe('the name of the project', () => {
  test.each([
    ['-p wins', { projectName: 'given', environment: { COMPOSE_PROJECT_NAME: 'e' } }, 'given'],
    ['the environment comes next', { environment: { COMPOSE_PROJECT_NAME: 'e' } }, 'e'],
    ['then the file', {}, 'in-file'],
  ])('%s', async (_, options, expected) => {
    expect((await load(`name: In-File\n${SIMPLE}`, options)).name).toBe(expected);
  });

  test('a given name that is not valid must be refused with docker compose’s words', async () => {
    await expect(load(SIMPLE, { projectName: 'Bad Name' })).rejects.toMatchObject({
      message:
        'invalid project name "Bad Name": must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number',
      hint: 'use "badname"',
    });
  });
});

describe('variables', () => {
  test('--env-file must replace .env, a later one over an earlier one', async () => {
    const files = {
      'compose.yaml': 'services: {a: {image: "x:${A}${B}${C:-}"}}',
      '.env': 'C=no',
      'one.env': 'A=1\nB=1',
      'two.env': 'B=2',
    };
    const project = await load(files, { envFiles: ['one.env', 'two.env'] });
    expect(project.services[0]?.container.image).toBe('x:12');
    expect(project.environmentFiles).toEqual(['/project/one.env', '/project/two.env']);
  });

  test('UID and GID must be the user’s unless they are set', async () => {
    const text = 'services: {a: {image: x, user: "${UID}:${GID}"}}';
    const userIds = { uid: 1000, gid: 100 };
    expect((await load(text, { userIds })).services[0]?.container.user).toBe('1000:100');
    const environment = { UID: '5' };
    expect((await load(text, { userIds, environment })).services[0]?.container.user).toBe('5:100');
  });

  test('an unset variable must be told with its place', async () => {
    expect(await warningsOf('services:\n  a:\n    image: x$Y\n')).toEqual([
      '3:12 services.a.image: The "Y" variable is not set. Defaulting to a blank string.',
    ]);
  });

  test('--no-interpolate must keep what is written', async () => {
    const text = 'services: {a: {image: "x:${V:-1}", ports: ["${P}:80"], mem_limit: "${M}"}}';
    const { canonical } = await model(text, { interpolate: false });
    expect(canonical).toMatchObject({
      services: { a: { image: 'x:${V:-1}', mem_limit: '${M}' } },
    });
  });

  test('a value must not appear in an error', async () => {
    const errors = await errorsOf('services: {a: {image: x, cpus: "${SECRET}"}}', {
      environment: { SECRET: 'hunter2' },
    });
    expect(errors.join()).toContain('${SECRET}');
    expect(errors.join()).not.toContain('hunter2');
  });
});

describe('what is told about files', () => {
  test('all problems of all files must be told at once, at their places', async () => {
    const files = {
      'compose.yaml': `
services:
  web:
    imge: nginx
    ports: ["a:b"]
    depends_on: [dbb]
    volumes: ["data:/d"]
  db: {image: x, cpus: fast}
`,
      'compose.override.yaml': 'services:\n  db:\n    user: 5\n',
    };
    expect(await errorsOf(files)).toEqual([
      '4:5 services.web: additional property imge is not allowed',
      '5:13 services.web.ports[0]: Invalid containerPort: b',
      '6:18 services.web.depends_on.dbb: service "web" depends on undefined service "dbb": invalid compose project',
      '7:15 services.web.volumes[0]: service "web" refers to undefined volume data: invalid compose project',
      '8:24 services.db.cpus: error while interpolating: failed to cast to expected type: "fast" is not a number',
      '3:5 services.db.user: must be a string',
    ]);
  });

  test('the text of the error must hold file:line:column, path and hint of each', async () => {
    const error: unknown = await load('services:\n  a:\n    imge: x\n').catch((e: unknown) => e);
    expect(isOcupError(error, 'E_COMPOSE_INVALID') && error.message).toBe(
      'compose.yaml:3:5: services.a: additional property imge is not allowed\n  hint: did you mean `image`?',
    );
  });

  test.each([
    ['services: {a: {image: x, healtcheck: {}}}', 'did you mean `healthcheck`?'],
    [
      'services: {a: {image: x, memory: 1g}}',
      'use `mem_limit`, or `deploy.resources.limits.memory`',
    ],
    ['services: {a: {image: x, user: 5}}', 'put it in quotes: "5"'],
    ['services: {a: {image: x, stop_grace_period: 5}}', 'write it with a unit: 5s'],
    ['services: {a: {image: x, volumes: ["dat:/d"]}}\nvolumes: {data: }', 'did you mean `data`?'],
    [
      'services: {a: {image: x, volumes: ["data:/d"]}}',
      'volume `data` is not declared: add it under the top-level `volumes:`',
    ],
    ['image: x', '`image` belongs to a service: put it below `services.NAME:`'],
    [
      'services: {a: {image: x, depends_on: [b]}, b: {image: x, profiles: [p]}}',
      'no active profile enables `b`: activate one with --profile',
    ],
  ])('%s must come with a hint', async (text, hint) => {
    expect((await diagnosticsOf(text)).map((diagnostic) => diagnostic.hint)).toContain(hint);
  });

  test('a problem in a file that is extended must be told there', async () => {
    const files = {
      'compose.yaml': 'services: {a: {extends: {file: base.yaml, service: b}}}',
      'base.yaml': 'services:\n  b:\n    image: x\n    ports: [x]\n',
    };
    const [diagnostic] = await diagnosticsOf(files);
    expect(diagnostic?.position).toEqual({ file: '/project/base.yaml', line: 4, column: 13 });
  });

  test('everything from an operator on must be warned of', async () => {
    expect(await warningsOf('services: {a: {image: x, command: echo a && echo b}}')).toEqual([
      '1:35 services.a.command: no shell runs this: everything from the unquoted `&` on is dropped',
    ]);
  });

  test('what is read but not acted on must be warned of once, with its place', async () => {
    const text = `
services:
  a:
    image: x
    storage_opt: {size: 1g}
    deploy: {mode: replicated, placement: {constraints: [a]}}
    logging: {driver: syslog}
`;
    expect(await warningsOf(text)).toEqual([
      '5:5 services.a.storage_opt: is ignored: ocup does not support it yet',
      '6:32 services.a.deploy.placement: is ignored: it concerns clusters only',
      '7:15 services.a.logging.driver: is not fully supported: ocup keeps all output in its own log',
    ]);
  });

  test.each([
    ['driver: none', []],
    ['options: {max-size: "-1", max-file: "3", tag: x}', []],
    ['driver: local, options: {max-sise: 1m}', ['max-sise: is ignored: local has no such option']],
  ])('logging: {%s} must be warned of only where it is not honoured', async (logging, warnings) => {
    const found = await warningsOf(`services: {a: {image: x, logging: {${logging}}}}`);
    expect(found).toEqual(warnings.map((text) => expect.stringContaining(text)));
  });

  test.each([
    ['max-size: 10q', '"10q" is not a size'],
    ['max-file: "0"', '"0" is not a number of files'],
  ])('a log with %s must be an error', async (option, message) => {
    const text = `services: {a: {image: x, logging: {options: {${option}}}}}`;
    expect(await errorsOf(text)).toEqual([expect.stringContaining(message)]);
  });

  test('what cannot be run must be an error to run and a warning to show', async () => {
    const text = 'services: {a: {image: x, volumes_from: ["container:z"]}}';
    await expect(load(text)).rejects.toMatchObject({ code: 'E_COMPOSE_UNSUPPORTED' });
    expect((await load(text, { allowsUnsupported: true })).diagnostics).not.toEqual([]);
  });
});

describe('reading YAML', () => {
  test('an alias bomb must be refused, not followed', async () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    for (const [i, name] of names.entries()) {
      const before = names[i - 1];
      if (before !== undefined)
        lines.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join()}]`);
    }
    expect((await errorsOf(lines.join('\n')))[0]).toContain(
      'aliases make more than 1000000 values',
    );
  });

  test('a map that contains itself must be refused', async () => {
    expect((await errorsOf('services: &s {a: *s}')).join()).toContain('contains itself');
  });

  test.each([
    '['.repeat(5000),
    `a: ${'{a: '.repeat(3000)}`,
    'x:\n'.replace('x', '- '.repeat(3000)),
  ])('very deep nesting must be an error of its own', async (text) => {
    expect((await diagnosticsOf(text)).length).toBeGreaterThan(0);
  });

  test('a chain of 20,000 dependencies must load', async () => {
    const services = Array.from({ length: 20_000 }, (_, i) => {
      const dependsOn = i === 0 ? '' : `, depends_on: [s${i - 1}]`;
      return `  s${i}: {image: x${dependsOn}}`;
    });
    const { canonical } = await model(`services:\n${services.join('\n')}\n`);
    expect(Object.keys(canonical['services'] ?? {})).toHaveLength(20_000);
  });

  test('__proto__ must be a key like any other', async () => {
    const { canonical } = await model(
      'services: {a: {image: x, environment: {__proto__: p}, labels: [__proto__=q], x-a: {__proto__: 1}}}',
    );
    expect(JSON.stringify(canonical)).toContain('"environment":{"__proto__":"p"}');
    expect(JSON.stringify(canonical)).toContain('"labels":{"__proto__":"q"}');
  });
});

describe('env_file', () => {
  test('a folder must be told, not thrown', async () => {
    const files = { 'compose.yaml': 'services: {a: {image: x, env_file: dir}}', 'dir/x': '' };
    expect((await errorsOf(files))[0]).toContain('failed to read /project/dir');
  });

  test('its variables must not take part in interpolation', async () => {
    const files = {
      'compose.yaml': 'services: {a: {image: "x${FROM_FILE:-}", env_file: a.env}}',
      'a.env': 'FROM_FILE=1',
    };
    expect((await load(files)).services[0]?.container).toMatchObject({
      image: 'x',
      environment: { FROM_FILE: '1' },
    });
  });

  test('a variable must keep the line that set it', async () => {
    const files = {
      'compose.yaml': 'services: {a: {image: x, env_file: a.env}}',
      'a.env': '\nA=1\n',
    };
    const { root } = await model(files);
    expect(JSON.stringify(root.entries.get('services'), replacer)).toContain(
      '{"file":"/project/a.env","line":2,"column":1}',
    );
  });
});

describe('configHash', () => {
  const service = { image: 'x', environment: { A: '1' }, deploy: { replicas: 2, mode: 'x' } };

  test.each([
    ['depends_on', { depends_on: { b: {} } }],
    ['scale', { scale: 3 }],
    ['replicas', { deploy: { replicas: 5, mode: 'x' } }],
    ['profiles', { profiles: ['p'] }],
    ['pull_policy', { pull_policy: 'always' }],
    ['build', { build: { context: '.' } }],
    ['x-ocup.once', { 'x-ocup': { once: true } }],
  ])('must not change with %s', (_, change) => {
    expect(configHash({ ...service, ...change })).toBe(configHash(service));
  });

  test('must change with what a container is made from, and with the content of its files', () => {
    const hash = configHash(service);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(configHash({ ...service, environment: { A: '2' } })).not.toBe(hash);
    expect(configHash({ ...service, 'x-ocup': { ready: { tcp: 80 } } })).not.toBe(hash);
    expect(configHash({ ...service, 'x-ocup': { strict: true } })).not.toBe(hash);
    const file = { kind: 'file', target: '/s', content: 'a', mode: 0o444, uid: 0, gid: 0 } as const;
    expect(configHash(service, [file])).not.toBe(configHash(service, [{ ...file, content: 'b' }]));
  });

  test('must not depend on the order of keys', () => {
    expect(configHash({ a: 1, b: { c: 1, d: 2 } })).toBe(configHash({ b: { d: 2, c: 1 }, a: 1 }));
  });
});

describe('formatProject', () => {
  test('what is printed must load as the same project', async () => {
    const project = await load(
      'services: {a: {image: x, command: ["$$HOME", "y", "1:2", "yes", ""], labels: {n: "2024-01-01"}}}',
    );
    const printed = formatProject(project, 'yaml');
    const again = await load(printed, { environment: { HOME: 'wrong' } });
    expect(again.canonical).toEqual(project.canonical);
    expect(printed).toContain('$$HOME');
  });
});

function replacer(_: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}
