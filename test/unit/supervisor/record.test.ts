import { readFileSync } from 'node:fs';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { emptyImageConfig } from '../../../src/model/image-config.ts';
import { LIFE_AT_CREATION } from '../../../src/supervisor/life.ts';
import { type ContainerRecord, parseRecord, parseState } from '../../../src/supervisor/record.ts';
import { RecordStore } from '../../../src/supervisor/record-store.ts';
import { shellConfig } from '../../support/supervisor-home.ts';

const RECORD: ContainerRecord = {
  version: 1,
  id: 'a'.repeat(64),
  createdAt: '2026-01-01T00:00:00.000000000Z',
  config: shellConfig('web', 'true', {
    restart: { kind: 'on-failure', maxAttempts: 3 },
    ports: [
      {
        hostIp: undefined,
        hostPort: 8080,
        hostPortEnd: undefined,
        containerPort: 80,
        protocol: 'tcp',
      },
    ],
    environment: { SET: 'x', TAKEN: null },
    healthcheck: {
      test: undefined,
      intervalMs: 1000,
      timeoutMs: undefined,
      startPeriodMs: undefined,
      startIntervalMs: undefined,
      retries: undefined,
      ready: { kind: 'http', port: 80, path: '/', status: undefined },
      isStrict: false,
    },
    hooks: {
      postStart: [
        {
          command: ['true'],
          user: undefined,
          isPrivileged: false,
          workingDir: undefined,
          environment: {},
        },
      ],
      preStop: [],
    },
  }),
  imageId: `sha256:${'b'.repeat(64)}`,
  image: emptyImageConfig({ os: 'linux', architecture: 'amd64' }),
  layers: ['/layers/top', '/layers/base'],
  user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
  mounts: [{ kind: 'tmpfs', target: '/tmp', isReadOnly: false, options: ['size=1m'] }],
};

const schemaPath = resolve(import.meta.dirname, '../../../schemas/record.schema.json');
const validate = new Ajv({ validateFormats: false }).compile(
  JSON.parse(readFileSync(schemaPath, 'utf8')),
);

/** As it stands on disk. */
function onDisk(record: ContainerRecord): Record<string, unknown> {
  return JSON.parse(JSON.stringify(record)) as Record<string, unknown>;
}

describe('a record', () => {
  test('is read back as it was written', () => {
    const read = parseRecord(JSON.stringify(RECORD));
    expect(JSON.parse(JSON.stringify(read))).toEqual(onDisk(RECORD));
  });

  test('has the form that the schema describes', () => {
    validate(onDisk(RECORD));
    expect(validate.errors).toBeNull();
  });

  test.each(Object.keys(onDisk(RECORD)))('without %s it is damaged, and no record', (key) => {
    const { [key]: _, ...rest } = onDisk(RECORD);
    expect(() => parseRecord(JSON.stringify(rest))).toThrow('record');
    expect(validate(rest)).toBe(false);
  });

  test('schema and reader know the same fields of a config', () => {
    const read = parseRecord(JSON.stringify(RECORD));
    const schema = JSON.parse(readFileSync(schemaPath, 'utf8'));
    const known = Object.keys(schema.$defs.config.properties as object).sort();
    expect(known).toEqual(Object.keys(read.config).sort());
  });

  test.each(['', '{', '[]', 'null', '{"version":2}'])('%j is damaged', (content) => {
    expect(() => parseRecord(content)).toThrow(
      expect.objectContaining({ code: 'E_RECORD_DAMAGED' }),
    );
  });

  test('says which part is damaged', () => {
    const broken = { ...onDisk(RECORD), user: { uid: 'x', gid: 0, additionalGids: [], home: '/' } };
    expect(() => parseRecord(JSON.stringify(broken))).toThrow('record.user.uid is not a number');
  });
});

describe('RecordStore', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ocup-records-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  test('gives back what was written, with the newest state', async () => {
    const store = new RecordStore(folder);
    await store.begin(RECORD, []);
    await store.commit(RECORD);
    const writes = Array.from({ length: 20 }, (_, restartCount) =>
      store.writeLife(RECORD.id, { ...LIFE_AT_CREATION, restartCount }),
    );
    await Promise.all(writes);
    const { containers, damaged } = await new RecordStore(folder).load();
    expect(damaged).toEqual([]);
    expect(containers.map(({ life }) => life.restartCount)).toEqual([19]);
  });

  test('a write resolves only when that state or a later one is on disk', async () => {
    const store = new RecordStore(folder);
    await store.begin(RECORD, []);
    const path = join(store.folder(RECORD.id), 'state.json');
    for (let round = 0; round < 5; round += 1) {
      const counts = [0, 1, 2].map((index) => round * 3 + index);
      await Promise.all(
        counts.map(async (restartCount) => {
          await store.writeLife(RECORD.id, { ...LIFE_AT_CREATION, restartCount });
          const { life } = parseState(await readFile(path, 'utf8'));
          expect(life.restartCount).toBeGreaterThanOrEqual(restartCount);
        }),
      );
    }
  });

  test('a line that broke off counts for nothing, and the next write starts afresh', async () => {
    const store = new RecordStore(folder);
    await store.begin(RECORD, []);
    await store.commit(RECORD);
    const path = join(store.folder(RECORD.id), 'state.json');
    for (const restartCount of [1, 2]) {
      await store.writeLife(RECORD.id, { ...LIFE_AT_CREATION, restartCount });
    }
    await appendFile(path, '{"version":1,"li');
    const next = new RecordStore(folder);
    const { containers, damaged } = await next.load();
    expect(damaged).toEqual([]);
    expect(containers.map(({ life }) => life.restartCount)).toEqual([2]);
    await next.writeLife(RECORD.id, { ...LIFE_AT_CREATION, restartCount: 3 });
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(2);
  });

  test('a state that changes for ever does not grow for ever', async () => {
    const store = new RecordStore(folder);
    await store.begin(RECORD, []);
    const path = join(store.folder(RECORD.id), 'state.json');
    let longest = 0;
    for (let restartCount = 1; restartCount <= 1000; restartCount += 1) {
      await store.writeLife(RECORD.id, { ...LIFE_AT_CREATION, restartCount });
      longest = Math.max(longest, (await stat(path)).size);
    }
    expect(longest).toBeLessThanOrEqual(64 * 1024);
    expect(parseState(await readFile(path, 'utf8')).life.restartCount).toBe(1000);
  });

  test('a creation that broke off leaves nothing but the names of its volumes', async () => {
    const store = new RecordStore(folder);
    await store.begin(RECORD, ['anonymous']);
    const { containers, strayVolumes } = await new RecordStore(folder).load();
    expect(containers).toEqual([]);
    expect(strayVolumes).toEqual(['anonymous']);
    expect(await readdir(join(folder, 'containers'))).toEqual([]);
  });

  test('a removal that broke off is completed', async () => {
    const store = new RecordStore(folder);
    await store.load();
    await writeFile(join(folder, 'containers', '.removed-x'), '');
    await new RecordStore(folder).load();
    expect(await readdir(join(folder, 'containers'))).toEqual([]);
  });

  test('a damaged state reads as one that was never started, and is set aside', async () => {
    const store = new RecordStore(folder);
    await store.begin(RECORD, []);
    await store.commit(RECORD);
    const path = join(store.folder(RECORD.id), 'state.json');
    await writeFile(path, '{"version":1');
    const { containers, damaged } = await new RecordStore(folder).load();
    expect(containers.map(({ life }) => life)).toEqual([LIFE_AT_CREATION]);
    expect(damaged).toHaveLength(1);
    expect(await readFile(`${path}.damaged`, 'utf8')).toBe('{"version":1');
  });
});
