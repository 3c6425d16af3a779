import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { TestBundle } from '../../support/bundle.ts';
import { OURS, RuntimeLab } from '../../support/runtime.ts';
import { SWAPPER } from '../../support/swapper.ts';

let lab: RuntimeLab;
beforeEach(() => {
  lab = new RuntimeLab(OURS);
});
afterEach(async () => {
  expect(await lab.close()).toEqual([]);
});

const ROUNDS = 25;

interface Arena {
  readonly bundle: TestBundle;
  readonly volume: string;
  readonly outside: string;
}

function makeArena(): Arena {
  const bundle = lab.bundle();
  const volume = join(bundle.folder, 'volume');
  const outside = join(bundle.folder, 'outside');
  mkdirSync(join(volume, 'a'), { recursive: true });
  mkdirSync(outside);
  bundle.spec.mounts.push({ destination: '/volume', source: volume, options: ['rbind'] });
  return { bundle, volume, outside };
}

async function whileSwapping(arena: Arena, work: () => Promise<void>): Promise<void> {
  const args = ['-e', SWAPPER, join(arena.volume, 'a'), arena.outside];
  const swapper = spawn(process.execPath, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<unknown>((done) => swapper.once('exit', done));
  try {
    await new Promise((done) => swapper.stdout.once('data', done));
    await work();
  } finally {
    swapper.stdin.end();
    expect(await ended).toBe(0);
  }
}

/** What is mounted on anything but the places of the spec, as the container sees it. */
const STRAY = `sed 's/^[^ ]* [^ ]* [^ ]* [^ ]* //' /proc/self/mountinfo | cut -d' ' -f1`;

describe('CVE-2021-30465: the place of a mount becomes a link while the container is made', () => {
  test('nothing is mounted or made outside of the root', async () => {
    const arena = makeArena();
    const { bundle, outside } = arena;
    bundle.spec.mounts.push({ destination: '/volume/a/b', type: 'tmpfs', source: 'stray' });
    bundle.script(STRAY);
    let successes = 0;
    await whileSwapping(arena, async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { code, stdout } = await lab.run(bundle);
        expect(readdirSync(outside)).toEqual([]);
        if (code !== 0) continue;
        successes += 1;
        // In its place, below whatever has that name by now, or where the link leads inside the root.
        const strays = stdout.split('\n').filter((line) => line.endsWith('/b'));
        for (const line of strays) {
          expect(line.startsWith('/volume/') || line === `${outside}/b`).toBe(true);
        }
      }
    });
    expect(successes).toBeGreaterThan(0);
  });
});

describe('CVE-2024-45310: a folder becomes a link while a missing file is made in it', () => {
  test('no file is made outside of the root', async () => {
    const arena = makeArena();
    const { bundle, outside } = arena;
    const source = join(bundle.folder, 'source');
    writeFileSync(source, 'content');
    bundle.spec.mounts.push({ destination: '/volume/a/made', source, options: ['bind'] });
    await whileSwapping(arena, async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        await lab.run(bundle);
        expect(readdirSync(outside)).toEqual([]);
      }
    });
    expect(statSync(outside).isDirectory()).toBe(true);
  });
});
