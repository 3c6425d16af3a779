import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OcupHome, runProgram } from '../support/ocup.ts';
import { peerProgram } from '../support/peers.ts';
import { type Contender, compare, printSamples } from './measure.ts';

/** A project of `count` services as people write them. */
function project(count: number): string {
  const services = Array.from({ length: count }, (_, n) => {
    const above = n === 0 ? '' : `    depends_on: {s${n >> 1}: {condition: service_healthy}}\n`;
    return `  s${n}:
    <<: *common
    image: registry.example.com/app/s${n}:\${TAG:-1.${n}}
    environment:
      DB: postgres://u:\${PW:-p}@db/${n}
      INDEX: "${n}"
      MODE: production
    ports: ["${10_000 + n}:80"]
    volumes: ["data${n % 7}:/data", "./conf/${n}:/etc/app:ro"]
    networks: [front, back]
${above}    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost"]
      interval: 10s
    deploy: {resources: {limits: {cpus: "0.5", memory: 256M}}}
    labels:
      app: s${n}
`;
  });
  const volumes = Array.from({ length: 7 }, (_, n) => `  data${n}:\n`);
  return `name: bench
x-common: &common
  restart: unless-stopped
  logging: {driver: json-file, options: {max-size: 10m}}
services:
${services.join('')}networks: {front: , back: }
volumes:
${volumes.join('')}`;
}

const folder = await mkdtemp(join(tmpdir(), 'ocup-bench-'));
const [cold, warm] = [new OcupHome(), new OcupHome()];
const dockerCompose = peerProgram('usr/libexec/docker/cli-plugins/docker-compose');

/** Each starts a Node.js of its own. */
const FIRST = { OCUP_COLD: '1' };

function config(
  name: string,
  options: { home: OcupHome; count: number; env?: Record<string, string> },
): Contender {
  const { home, count, env = {} } = options;
  const cwd = join(folder, String(count));
  return {
    name,
    run: async () => {
      await home.succeed(['config'], { cwd, env });
    },
  };
}

try {
  for (const count of [1, 10, 100, 1000]) {
    await mkdir(join(folder, String(count)));
    await writeFile(join(folder, String(count), 'compose.yaml'), project(count));
  }
  // Something that runs keeps a supervisor, and beside it a host for warm commands.
  const idle = 'name: idle\nservices: {idle: {image: "rootfs:/", command: sleep 10000}}\n';
  await writeFile(join(folder, 'idle.yaml'), idle);
  await warm.succeed(['-f', join(folder, 'idle.yaml'), 'up', '-d'], { cwd: folder });
  const ten = [
    config('ocup config, something runs', { home: warm, count: 10 }),
    config('ocup config, nothing runs', { home: cold, count: 10 }),
    config('ocup config, as the first command', { home: cold, count: 10, env: FIRST }),
  ];
  const peer: Contender = {
    name: 'docker compose config',
    run: async () => {
      const cwd = join(folder, '10');
      const { code, stderr } = await runProgram(dockerCompose, ['config'], { cwd });
      if (code !== 0) throw new Error(stderr);
    },
  };
  if (existsSync(dockerCompose)) ten.push(peer);
  else console.log('docker-compose is missing: `bin/setup --tests` makes the folder of peers');
  printSamples('config of 10 services', await compare(ten, 15));
  const growing = [
    config('ocup config of 1,000 services', { home: cold, count: 1000, env: FIRST }),
    config('ocup config of 100 services', { home: cold, count: 100, env: FIRST }),
  ];
  printSamples('config of a generated project', await compare(growing, 5));
} finally {
  await warm.run(['-f', join(folder, 'idle.yaml'), 'down'], { cwd: folder });
  await rm(folder, { recursive: true, force: true });
  await cold.close();
  await warm.close();
}
