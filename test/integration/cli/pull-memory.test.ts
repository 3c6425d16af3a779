import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { callSocket } from '../../../src/wire/client.ts';
import {
  type LargeLayer,
  addLargeImage,
  makeLargeLayer,
  sendLargeLayer,
} from '../../support/large-layer.ts';
import { OcupHome } from '../../support/ocup.ts';
import { TestRegistry } from '../../support/test-registry.ts';

/** Compressed. */
const SIZES_MB = (process.env['OCUP_TEST_LAYERS_MB'] ?? '48,304').split(',').map(Number);
const MANY = 12;
const MAX_PEAK_MB = 150;
const MAX_GROWTH_MB = 15;

let registry: TestRegistry;
let folder: string;
const layers = new Map<string, LargeLayer>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocup-large-'));
  registry = await TestRegistry.start();
  registry.misbehave = (request, response) => {
    const layer = layers.get(/\/blobs\/(.*)$/.exec(request.url ?? '')?.[1] ?? '');
    if (layer === undefined) return false;
    sendLargeLayer(layer, response);
    return true;
  };
  const make = async (size: number): Promise<LargeLayer> => {
    const layer = await makeLargeLayer(folder, size);
    layers.set(layer.digest, layer);
    return layer;
  };
  const { store } = registry;
  for (const size of SIZES_MB) {
    store.tags.set(`large:${size}`, addLargeImage(store, [await make(size)]));
  }
  const many: LargeLayer[] = [];
  while (many.length < MANY) many.push(await make(24));
  store.tags.set('large:many', addLargeImage(store, many));
}, 120_000);

afterAll(async () => {
  await registry.stop();
  await rm(folder, { recursive: true });
});

/** The most memory that a supervisor had which did nothing but this pull. */
async function peakMbOf(image: string): Promise<number> {
  const home = new OcupHome();
  try {
    await home.succeed(['image', 'pull', '-q', image], { timeoutMs: 120_000 });
    const request = { method: 'system.info', params: {} };
    const { pid } = (await callSocket(home.supervisorSocket, request)) as { pid: number };
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  } finally {
    await home.close();
  }
}

test('a pull needs the same memory whatever the size of a layer', async () => {
  const peaks: number[] = [];
  for (const size of SIZES_MB) peaks.push(await peakMbOf(`${registry.host}/large:${size}`));
  const [first = NaN, ...more] = peaks;
  if (process.env['OCUP_TEST_LAYERS_MB'] !== undefined) console.log(SIZES_MB, peaks);
  expect(Math.max(...peaks)).toBeLessThan(MAX_PEAK_MB);
  expect(Math.max(...more) - first).toBeLessThan(MAX_GROWTH_MB);
}, 300_000);

test('and of many layers at once no more than it may', async () => {
  // On a busy machine the collector may come late once.
  const image = `${registry.host}/large:many`;
  const peak = Math.min(await peakMbOf(image), await peakMbOf(image));
  if (process.env['OCUP_TEST_LAYERS_MB'] !== undefined) console.log(`${MANY} layers`, peak);
  expect(peak).toBeLessThan(MAX_PEAK_MB);
}, 300_000);
