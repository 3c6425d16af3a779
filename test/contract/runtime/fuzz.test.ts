import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { defaultSpec, type TestSpec } from '../../support/bundle.ts';
import { fullSpec } from '../../support/full-spec.ts';
import { callProgram } from '../../support/runtime.ts';

const TARGET = resolve(import.meta.dirname, '../../../build/Sanitized/fuzz-config');
const SECONDS = 60;
const testWhenBuilt = existsSync(TARGET) ? test : test.skip;
const TITLE = existsSync(TARGET) ? '' : ' (build/Sanitized is not built)';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ocup-fuzz-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Each target with what it starts from, and code that it reaches at least when it is not refused at once. */
function targets(): readonly (readonly [string, readonly unknown[], number])[] {
  const full = fullSpec();
  const { resources } = full.linux;
  return [
    ['config', [defaultSpec(), full, full.process, resources], 2000],
    ['process', [defaultSpec().process, full.process], 800],
    ['resources', [resources, { cpu: { shares: 512 } }, { memory: { limit: 1 << 26 } }], 800],
    ['state', [stateOf(defaultSpec()), stateOf(full)], 2000],
  ];
}

/** As the runtime writes it. */
function stateOf(config: TestSpec): Record<string, unknown> {
  return {
    version: 1,
    id: 'web.1',
    ociVersion: '1.2.0',
    bundle: '/run/bundle',
    rootfs: '/run/bundle/rootfs',
    created: '2026-01-02T03:04:05.678901234Z',
    annotations: { a: 'b' },
    pid: 4711,
    startTime: 123_456,
    isComplete: true,
    cgroups: [
      { controllers: 'cpu,cpuacct', mount: '/sys/fs/cgroup/cpu', path: '/x/web.1', v2: false },
      { controllers: '', mount: '/sys/fs/cgroup/unified', path: '/x/../web.1', v2: true },
    ],
    systemdUnit: { name: 'web-1.scope', slice: 'system.slice', user: false },
    config,
  };
}

function writeCorpus(documents: readonly unknown[]): string[] {
  return documents.map((document, index) => {
    const file = join(folder, `${index}.json`);
    writeFileSync(file, JSON.stringify(document));
    return file;
  });
}

describe('what was changed at random never crashes its parser', () => {
  const seconds = SECONDS / targets().length;
  testWhenBuilt.each(targets())(
    `%s${TITLE}`,
    async (target, documents, least) => {
      const seed = String(Date.now() % 1_000_000_000);
      const crash = join(folder, 'crash');
      const args = [target, String(seconds), seed, crash, ...writeCorpus(documents)];
      const { code, stdout, stderr } = await callProgram(TARGET, args, folder);
      const input = existsSync(crash) ? readFileSync(crash, 'latin1') : '';
      expect({ seed, code, stderr, input }).toEqual({ seed, code: 0, stderr: '', input: '' });
      const [, inputs = '0', edges = '0'] = /^(\d+) inputs, (\d+) edges/.exec(stdout) ?? [];
      // A target that is not watched, or that refuses everything at once, would find nothing either.
      expect(Number(inputs)).toBeGreaterThan(100);
      expect(Number(edges)).toBeGreaterThan(least);
    },
    seconds * 1000 + 120_000,
  );
});

testWhenBuilt(`what ends within a character is not read beyond its end${TITLE}`, async () => {
  const files = [0xc3, 0xe2, 0xf0].map((start) => {
    const file = join(folder, `${start}.json`);
    writeFileSync(
      file,
      Buffer.concat([Buffer.from('{"args":["true"],"cwd":"/'), Buffer.of(start)]),
    );
    return file;
  });
  const args = ['process', '0', '0', join(folder, 'crash'), ...files];
  const { code, stderr } = await callProgram(TARGET, args, folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
