import { beforeAll, describe, expect, test } from '@jest/globals';
import { peersObstacle } from '../../support/peers.ts';
import { isUnified } from '../../support/runtime.ts';
import type { Case } from './case.ts';
import { judge } from './compare.ts';
import { CORPUS } from './corpus/all.ts';
import { folderOf } from './corpus-folder.ts';
import { DIFFERENCES } from './differences.ts';
import { type CorpusRun, type Observed, runCorpus } from './run-corpus.ts';

const LAYOUT = isUnified() ? 'v2' : 'v1';
const CASES = CORPUS.filter(({ only }) => only === undefined || only === LAYOUT);
const obstacle = peersObstacle();
const suite = obstacle === undefined ? describe : describe.skip;
const noPeers = obstacle === undefined ? '' : ` (skipped: ${obstacle})`;

function describeRun(title: string, cases: readonly Case[], run: CorpusRun): void {
  const explained = new Set<string>();
  suite(`${title}${noPeers}`, () => {
    let observed: Observed = {};
    beforeAll(async () => {
      observed = await runCorpus(cases, run);
    }, 600_000);

    test.each(cases.map((item, index) => [item.name, item, index] as const))(
      '%s',
      (_, item, index) => {
        expect(observed['ocup']?.get(folderOf(index))?.get('left')).toBe('');
        const judged = judge(DIFFERENCES, observed, run.peers, [item.name, folderOf(index)]);
        for (const entry of judged.flatMap(({ entries }) => entries)) {
          explained.add(String(entry)).add(`${entry} ${item.name}`);
        }
        expect(
          judged.filter(({ entries }) => entries.length === 0).map(({ found }) => found),
        ).toEqual([]);
      },
    );

    if (cases === CASES) {
      test('INVARIANT: every entry of the table of differences explains something', () => {
        const idle = [...DIFFERENCES.entries()].flatMap(
          ([index, { cases: names, only, isChance, reason }]) => {
            if (isChance === true || (only !== undefined && only !== LAYOUT)) return [];
            const keys =
              names === undefined ? [String(index)] : names.map((name) => `${index} ${name}`);
            return keys.filter((key) => !explained.has(key)).map((key) => `${key}: ${reason}`);
          },
        );
        expect(idle).toEqual([]);
      });
    }
  });
}

describeRun('the same bundles under runc, crun and ours', CASES, {
  layout: 'legacy',
  peers: ['runc', 'crun'],
});

if (LAYOUT === 'v1') {
  // crun refuses it.
  const brief = CASES.filter(({ isBrief }) => isBrief === true);
  describeRun('the same in the hybrid layout', brief, { layout: 'hybrid', peers: ['runc'] });
}
