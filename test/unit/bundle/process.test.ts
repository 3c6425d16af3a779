import { describe, expect, test } from '@jest/globals';
import { buildExecProcess, type ExecRequest } from '../../../src/bundle/exec-process.ts';
import { buildSpec } from '../../../src/bundle/build-spec.ts';
import { resolveArgs } from '../../../src/bundle/process-args.ts';
import { buildEnv, DEFAULT_PATH } from '../../../src/bundle/process-env.ts';
import { specHost, specInput } from '../../support/spec-values.ts';

const IMAGE = { entrypoint: ['/entry'], cmd: ['serve'] };

describe('the command line', () => {
  test('is the image’s entrypoint and command', () => {
    expect(resolveArgs({ entrypoint: undefined, command: undefined }, IMAGE)).toEqual([
      '/entry',
      'serve',
    ]);
  });

  test('a command takes the place of the image’s', () => {
    expect(resolveArgs({ entrypoint: undefined, command: ['x', 'y'] }, IMAGE)).toEqual([
      '/entry',
      'x',
      'y',
    ]);
  });

  test('an entrypoint takes the image’s command away', () => {
    expect(resolveArgs({ entrypoint: ['/entry'], command: undefined }, IMAGE)).toEqual(['/entry']);
  });

  test('an entrypoint and a command stand together', () => {
    expect(resolveArgs({ entrypoint: ['a'], command: ['b'] }, IMAGE)).toEqual(['a', 'b']);
  });

  test('an empty entrypoint leaves the command alone', () => {
    expect(resolveArgs({ entrypoint: [''], command: ['sh'] }, IMAGE)).toEqual(['sh']);
  });

  test.each([
    [{ entrypoint: [], command: undefined }, IMAGE],
    [
      { entrypoint: undefined, command: undefined },
      { entrypoint: [], cmd: [] },
    ],
    [
      { entrypoint: undefined, command: [] },
      { entrypoint: [], cmd: ['serve'] },
    ],
  ])('nothing to run is refused: %j', (config, image) => {
    expect(() => resolveArgs(config, image)).toThrow('no command specified');
  });
});

describe('the environment', () => {
  test('has a path and the hostname without anything else', () => {
    const env = buildEnv({ environment: {}, hasTty: false }, { env: [] }, 'web');
    expect(env).toEqual([`PATH=${DEFAULT_PATH}`, 'HOSTNAME=web']);
  });

  test('has a TERM only with a terminal', () => {
    const env = buildEnv({ environment: {}, hasTty: true }, { env: [] }, 'web');
    expect(env).toContain('TERM=xterm');
  });

  test('config is over image, and both over the defaults, in place', () => {
    const env = buildEnv(
      { environment: { B: '2', A: 'x=y', PATH: '/bin' }, hasTty: true },
      { env: ['PATH=/image', 'A=1', 'TERM=dumb', 'EMPTY=', 'BARE'] },
      'web',
    );
    expect(env).toEqual([
      'PATH=/bin',
      'HOSTNAME=web',
      'TERM=dumb',
      'A=x=y',
      'EMPTY=',
      'BARE=',
      'B=2',
    ]);
  });

  test('null takes away what the image and the defaults set', () => {
    const env = buildEnv(
      { environment: { A: null, PATH: null }, hasTty: false },
      { env: ['A=1'] },
      'web',
    );
    expect(env).toEqual(['HOSTNAME=web']);
  });

  test('the order of the config’s names does not matter', () => {
    const of = (environment: Record<string, string>) =>
      buildEnv({ environment, hasTty: false }, { env: [] }, 'web');
    expect(of({ A: '1', B: '2' })).toEqual(of({ B: '2', A: '1' }));
  });
});

describe('a further process', () => {
  const REQUEST: ExecRequest = {
    command: ['ls'],
    environment: {},
    workingDir: undefined,
    hasTty: false,
    isPrivileged: false,
    size: undefined,
  };
  const USER = { uid: 33, gid: 33, additionalGids: [33, 101], home: '/var/www' };
  const spec = buildSpec(
    specInput({
      config: {
        environment: { A: '1' },
        workingDir: '/srv',
        capDrop: ['ALL'],
        ulimits: [{ name: 'core', soft: 0, hard: -1 }],
        securityOptions: ['no-new-privileges'],
      },
    }),
  );
  const build = (changes: Partial<ExecRequest>) =>
    buildExecProcess(spec, { ...REQUEST, ...changes }, USER, specHost());

  test('has the first one’s folder, environment, capabilities and limits', () => {
    expect(build({})).toEqual({
      ...spec.process,
      args: ['ls'],
      user: { uid: 33, gid: 33, additionalGids: [33, 101] },
      consoleSize: undefined,
    });
  });

  test('adds its own environment over it', () => {
    expect(build({ environment: { A: '2', B: '3' } }).env).toEqual([
      `PATH=${DEFAULT_PATH}`,
      'HOSTNAME=web',
      'A=2',
      'B=3',
    ]);
  });

  test('runs in the folder that is asked for', () => {
    expect(build({ workingDir: '/tmp/../opt/' }).cwd).toBe('/opt');
  });

  test('with a terminal has its size and a TERM', () => {
    const own = build({ hasTty: true, size: { rows: 24, columns: 80 } });
    expect(own).toMatchObject({ terminal: true, consoleSize: { height: 24, width: 80 } });
    expect(own.env).toContain('TERM=xterm');
  });

  test('privileged has every capability of the machine', () => {
    const own = build({ isPrivileged: true });
    expect(own.capabilities.effective).toEqual(specHost().knownCapabilities);
    expect(own.noNewPrivileges).toBe(true);
  });

  test('without a command is refused', () => {
    expect(() => build({ command: [] })).toThrow('no command specified');
  });
});
