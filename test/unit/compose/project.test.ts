import { describe, expect, test } from '@jest/globals';
import type { LoadOptions } from '../../../src/compose/load-options.ts';
import { errorsOf, load, loadService, model } from '../../support/compose-loading.ts';

describe('a service’s container', () => {
  test('nothing set must leave everything to the image', async () => {
    const { container } = await loadService('labels: []');
    expect(container).toMatchObject({
      image: 'x',
      entrypoint: undefined,
      command: undefined,
      environment: {},
      mounts: [],
      ports: [],
      restart: { kind: 'no' },
      healthcheck: undefined,
      logging: undefined,
    });
  });

  test.each([
    ['command: []', { command: [] }],
    ['entrypoint: ""', { entrypoint: [] }],
    ['environment: {A: 1, NOPE: }', { environment: { A: '1', NOPE: null } }],
    ['restart: on-failure:3', { restart: { kind: 'on-failure', maxAttempts: 3 } }],
    ['restart: always, deploy: {restart_policy: {condition: none}}', { restart: { kind: 'no' } }],
    ['deploy: {restart_policy: {}}', { restart: { kind: 'always' } }],
    ['healthcheck: {disable: true}', { healthcheck: { test: ['NONE'] } }],
    [
      'healthcheck: {test: a b, interval: 1500ms}',
      { healthcheck: { test: ['CMD-SHELL', 'a b'], intervalMs: 1500, retries: undefined } },
    ],
    ['stop_grace_period: 1m', { stopGraceMs: 60_000 }],
    ['extra_hosts: ["a:1.1.1.1", "a:2.2.2.2"]', { extraHosts: { a: ['1.1.1.1', '2.2.2.2'] } }],
    ['expose: [80, 90-91/udp]', { expose: ['80/tcp', '90/udp', '91/udp'] }],
    [
      'ulimits: {nofile: 5, nproc: {soft: 1, hard: -1}}',
      {
        ulimits: [
          { name: 'nofile', soft: 5, hard: 5 },
          { name: 'nproc', soft: 1, hard: -1 },
        ],
      },
    ],
    [
      'deploy: {resources: {limits: {cpus: "0.5", memory: 64m, pids: 9}}}',
      { resources: { cpus: 0.5, memoryBytes: 67108864, pidsLimit: 9 } },
    ],
    [
      'mem_limit: 1g, memswap_limit: -1',
      {
        resources: { memoryBytes: 1073741824, memorySwapBytes: -1 },
      },
    ],
    [
      'security_opt: ["seccomp:./p.json", "no-new-privileges:true", "seccomp=unconfined"]',
      {
        securityOptions: [
          'seccomp=/project/p.json',
          'no-new-privileges=true',
          'seccomp=unconfined',
        ],
      },
    ],
    [
      'devices: ["/dev/a:/dev/b:r"]',
      {
        devices: [{ source: '/dev/a', target: '/dev/b', permissions: 'r' }],
      },
    ],
    [
      'pid: host, ipc: "container:z", uts: host, cgroup: private',
      {
        pidMode: { kind: 'host' },
        ipcMode: { kind: 'container', container: 'z' },
        utsMode: { kind: 'host' },
        cgroupMode: { kind: 'private' },
      },
    ],
  ])('%s must be understood', async (attributes, expected) => {
    expect((await loadService(attributes)).container).toMatchObject(expected);
  });

  test.each([
    ['"8080:80"', { hostIp: undefined, hostPort: 8080, hostPortEnd: undefined, containerPort: 80 }],
    ['80', { hostPort: undefined, containerPort: 80 }],
    ['"0:80"', { hostPort: undefined }],
    ['"8000-8010:80"', { hostPort: 8000, hostPortEnd: 8010 }],
    ['"[::1]:1:2/udp"', { hostIp: '::1', hostPort: 1, containerPort: 2, protocol: 'udp' }],
  ])('port %s must be published', async (port, expected) => {
    expect((await loadService(`ports: [${port}]`)).container.ports).toMatchObject([expected]);
  });

  test('a service shared with must be named by its first container', async () => {
    const { container, dependsOn } = await loadService('network_mode: "service:b"');
    expect(container.networkMode).toEqual({ kind: 'container', container: 'project-b-1' });
    expect(dependsOn).toEqual([
      { service: 'b', condition: 'service_started', isRequired: true, restart: true },
    ]);
  });

  test('without an image, a build must name it after the service', async () => {
    const { services } = await load('services: {a: {build: .}}');
    expect(services[0]).toMatchObject({ hasBuild: true, container: { image: 'project-a' } });
  });

  test.each([
    ['oci:./layout:1.0', 'oci:/project/layout:1.0'],
    ['oci-archive:img.tar', 'oci-archive:/project/img.tar'],
    ['rootfs:../tree', 'rootfs:/tree'],
    ['docker-archive:~/i.tar', 'docker-archive:/home/user/i.tar'],
    ['rootfs:/abs', 'rootfs:/abs'],
    ['nginx:1', 'nginx:1'],
  ])('image %s must be %s', async (image, expected) => {
    const { services } = await load(`services: {a: {image: "${image}"}}`);
    expect(services[0]?.container.image).toBe(expected);
  });

  test('an image in an included file must be below that file’s folder', async () => {
    const files = {
      'compose.yaml': 'include: [sub/c.yaml]\nservices: {b: {image: x}}',
      'sub/c.yaml': 'services: {a: {image: "rootfs:./tree"}}',
    };
    expect((await load(files)).services[0]?.container.image).toBe('rootfs:/project/sub/tree');
  });
});

describe('mounts', () => {
  const mounts = async (attributes: string, top = '', options: Partial<LoadOptions> = {}) => {
    const project = await load(`services: {a: {image: x, ${attributes}}}\n${top}`, options);
    return project.services[0]?.container.mounts;
  };

  test('a bind must make its source unless told otherwise', async () => {
    const made = await mounts(
      'volumes: ["./a:/a:ro", {type: bind, source: /b, target: /b}, {type: bind, source: /c, target: /c, bind: {create_host_path: false, propagation: rslave, recursive: disabled}}]',
    );
    expect(made).toEqual([
      {
        kind: 'bind',
        source: '/project/a',
        target: '/a',
        isReadOnly: true,
        createHostPath: true,
        propagation: undefined,
        isRecursive: true,
      },
      expect.objectContaining({ source: '/b', createHostPath: true }),
      expect.objectContaining({ createHostPath: false, propagation: 'rslave', isRecursive: false }),
    ]);
  });

  test('a volume must carry its final name', async () => {
    const made = await mounts(
      'volumes: ["own:/a", "named:/b", "there:/c", /d]',
      'volumes: {own: , named: {name: n}, there: {external: true}}',
    );
    expect(made?.map((mount) => (mount.kind === 'volume' ? mount.volume : ''))).toEqual([
      'project_own',
      'n',
      'there',
      undefined,
    ]);
  });

  test('tmpfs must carry its options', async () => {
    expect(
      await mounts(
        'tmpfs: ["/run:size=64m,mode=1777"], volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1k, mode: 0700}}]',
      ),
    ).toEqual([
      { kind: 'tmpfs', target: '/t', isReadOnly: false, options: ['size=1024', 'mode=700'] },
      { kind: 'tmpfs', target: '/run', isReadOnly: false, options: ['size=64m', 'mode=1777'] },
    ]);
  });

  test('secrets and configs must be files at docker’s places', async () => {
    const made = await mounts(
      'secrets: [f, {source: e, target: short, mode: 0400, uid: "5"}], configs: [c, {source: c, target: /etc/c}]',
      'secrets: {f: {file: ./f.txt}, e: {environment: SECRET}}\nconfigs: {c: {content: "a=${V:-1}"}}',
      { environment: { SECRET: 'hidden' } },
    );
    expect(made).toMatchObject([
      { kind: 'file', target: '/c', content: 'a=1', mode: 0o444, uid: 0 },
      { kind: 'file', target: '/etc/c' },
      { kind: 'bind', source: '/project/f.txt', target: '/run/secrets/f', isReadOnly: true },
      { kind: 'file', target: '/run/secrets/short', content: 'hidden', mode: 0o400, uid: 5 },
    ]);
  });

  test('a secret whose variable is not set must be refused', async () => {
    expect(
      await errorsOf('services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {environment: NOPE}}'),
    ).toEqual([
      '1:36 services.a.secrets[0]: environment variable "NOPE" required by secret "s" is not set',
    ]);
  });

  test('the content of a secret must not be printed', async () => {
    const { canonical } = await load(
      'services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {environment: SECRET}}',
      { environment: { SECRET: 'hidden' } },
    );
    expect(JSON.stringify(canonical)).not.toContain('hidden');
  });

  test('the content of a secret must not be printed with variables kept either', async () => {
    const files = {
      'compose.yaml': 'include: [sub/c.yaml]\nservices: {a: {image: x}}',
      'sub/c.yaml': 'services: {b: {image: x, secrets: [s]}}\nsecrets: {s: {environment: SECRET}}',
      'sub/.env': 'SECRET=hidden',
    };
    const { canonical } = await model(files, { interpolate: false });
    expect(JSON.stringify(canonical)).not.toContain('hidden');
    const { services } = await load(files);
    expect(JSON.stringify(services[1]?.container.mounts)).toContain('hidden');
  });

  test('volumes_from must bring the volumes that have names, read-only if asked', async () => {
    const project = await load(
      'services: {a: {image: x, volumes_from: ["b:ro"], volumes: ["vol:/own"]}, b: {image: x, volumes: ["vol:/own", "wol:/w", "./d:/d"]}}\nvolumes: {vol: , wol: }',
    );
    expect(project.services[0]?.container.mounts).toMatchObject([
      { target: '/own', isReadOnly: false },
      { target: '/w', volume: 'project_wol', isReadOnly: true },
      { target: '/d', source: '/project/d', isReadOnly: true },
    ]);
  });
});

describe('networks', () => {
  test('a service must be found by its name and aliases in each network, links included', async () => {
    const project = await load(
      'services: {a: {image: x, networks: {n: {aliases: [q], ipv4_address: 10.0.0.2, priority: 5}, default: }}, b: {image: x, links: ["a:z"]}}\nnetworks: {n: {name: real, internal: true, ipam: {config: [{subnet: 10.0.0.0/24}]}}}',
    );
    expect(project.services[0]?.container.networkMode).toMatchObject({
      kind: 'networks',
      endpoints: [
        { network: 'project_default', aliases: ['a', 'z'] },
        { network: 'real', aliases: ['a', 'z', 'q'], ipv4Address: '10.0.0.2', priority: 5 },
      ],
    });
    expect(
      project.networks.map(({ key, config }) => [key, config.name, config.isInternal]),
    ).toEqual([
      ['default', 'project_default', false],
      ['n', 'real', true],
    ]);
    expect(project.networks[1]?.config.pools).toMatchObject([{ subnet: '10.0.0.0/24' }]);
  });

  test('bridge must be a network of its own without names', async () => {
    const project = await load('services: {a: {image: x, network_mode: bridge}}');
    expect(project.services[0]?.container.networkMode).toMatchObject({
      endpoints: [{ network: 'project_bridge', aliases: [] }],
    });
    expect(project.networks).toMatchObject([{ key: 'bridge', isExternal: false }]);
  });

  test('a driver ocup does not have must be refused', async () => {
    expect(
      await errorsOf('services: {a: {image: x, networks: [n]}}\nnetworks: {n: {driver: macvlan}}'),
    ).toEqual(['2:16 networks.n.driver: network driver macvlan is not supported yet']);
  });
});

describe('profiles', () => {
  const text =
    'services: {a: {image: x}, b: {image: x, profiles: [p]}, c: {image: x, profiles: [q], depends_on: [b]}}';

  test('a service named must bring its own profiles, not those of its dependencies', async () => {
    expect((await load(text, { services: ['b'] })).services.map(({ name }) => name)).toEqual([
      'a',
      'b',
    ]);
    expect((await errorsOf(text, { services: ['c'] }))[0]).toContain(
      'service "c" depends on undefined service "b"',
    );
  });

  test('those left out must be named', async () => {
    expect((await load(text)).disabledServices).toEqual(['b', 'c']);
  });
});

describe('pull policies', () => {
  test.each([
    ['always', { kind: 'always' }],
    ['if_not_present', { kind: 'missing' }],
    ['daily', { kind: 'every', periodMs: 86_400_000 }],
    ['every_12h', { kind: 'every', periodMs: 43_200_000 }],
    ['every_1w2d', { kind: 'every', periodMs: 777_600_000 }],
  ])('%s must be understood', async (policy, expected) => {
    expect((await loadService(`pull_policy: ${policy}`)).pullPolicy).toEqual(expected);
  });
});
