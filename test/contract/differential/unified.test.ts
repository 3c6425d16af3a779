import { beforeAll, describe, expect, test } from '@jest/globals';
import { vmObstacle } from '../../support/virtual-machine.ts';
import { judge } from './compare.ts';
import type { Case } from './case.ts';
import { CORPUS } from './corpus/all.ts';
import { folderOf } from './corpus-folder.ts';
import { DIFFERENCES } from './differences.ts';
import { UNIFIED_DIFFERENCES } from './differences-unified.ts';
import { type Observed, type PeerName, runCorpusInVms } from './run-corpus.ts';

const CASES = CORPUS.filter(({ only }) => only !== 'v1');

// runc takes long to start under emulation. It runs what touches cgroups and devices, what the table is about, and a
// share of the rest; OCUP_TEST_WHOLE=1 has it run everything.
const CONCERNED = /cgroup|resources|device/i;
const SHARE = process.env['OCUP_TEST_WHOLE'] === '1' ? 1 : 9;
const TABLED = new Set(
  UNIFIED_DIFFERENCES.flatMap(({ peer, cases = [] }) => (peer === 'crun' ? [] : cases)),
);
const BY_RUNC = new Set(
  CASES.filter(
    (item, index) =>
      index % SHARE === 0 || TABLED.has(item.name) || CONCERNED.test(JSON.stringify(item)),
  ),
);
const peersOf = (item: Case): readonly PeerName[] =>
  BY_RUNC.has(item) ? ['runc', 'crun'] : ['crun'];

const TABLE = [...UNIFIED_DIFFERENCES, ...DIFFERENCES.filter(({ only }) => only !== 'v1')];

const obstacle = vmObstacle({ hasPeers: true });
const suite = obstacle === undefined ? describe : describe.skip;

suite(`the same bundles on a pure cgroup v2 kernel (${obstacle ?? 'in virtual machines'})`, () => {
  const explained = new Set<string>();
  let observed: Observed = {};
  beforeAll(async () => {
    observed = await runCorpusInVms(CASES, peersOf);
  }, 1_000_000);

  test.each(CASES.map((item, index) => [item.name, item, index] as const))(
    '%s',
    (_, item, index) => {
      const folder = folderOf(index);
      expect(observed['ocup']?.get(folder)?.get('left')).toBe('');
      const judged = judge(TABLE, observed, peersOf(item), [item.name, folder]);
      for (const entry of judged.flatMap(({ entries }) => entries)) {
        explained.add(String(entry)).add(`${entry} ${item.name}`);
      }
      expect(
        judged.filter(({ entries }) => entries.length === 0).map(({ found }) => found),
      ).toEqual([]);
    },
  );

  test('INVARIANT: every entry of the table for cgroup v2 explains something', () => {
    const idle = [...UNIFIED_DIFFERENCES.entries()].flatMap(
      ([index, { cases: names, isChance, reason }]) => {
        if (isChance === true) return [];
        const keys = names?.map((name) => `${index} ${name}`) ?? [String(index)];
        return keys.filter((key) => !explained.has(key)).map((key) => `${key}: ${reason}`);
      },
    );
    expect(idle).toEqual([]);
  });
});
