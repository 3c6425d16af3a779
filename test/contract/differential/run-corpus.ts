import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PeerRoom } from '../../support/peers.ts';
import { OURS } from '../../support/runtime.ts';
import type { Case } from './case.ts';
import { writeCorpus } from './corpus-folder.ts';
import { type Observation, readObservations } from './observe.ts';

const SCRIPT = resolve(import.meta.dirname, 'run-corpus.sh');
const TIME_LIMIT_MS = 500_000;

export type PeerName = 'runc' | 'crun';
export const PEER_PATHS: Readonly<Record<PeerName, string>> = {
  runc: '/usr/sbin/runc',
  crun: '/usr/bin/crun',
};

export interface CorpusRun {
  readonly layout: 'hybrid' | 'legacy';
  readonly peers: readonly PeerName[];
}

/** What each runtime, ours as `ocup`, makes of each case, by the case's folder. They run side by side. */
export async function runCorpus(
  cases: readonly Case[],
  run: CorpusRun,
): Promise<Record<string, Map<string, Observation>>> {
  const room = await PeerRoom.open({ layout: run.layout });
  try {
    const corpus = join(room.scratch, 'corpus');
    mkdirSync(corpus);
    writeCorpus(corpus, cases);
    const programs = [['ocup', OURS.path], ...run.peers.map((peer) => [peer, PEER_PATHS[peer]])];
    const observed = programs.map(async ([name = '', path = '']) => {
      await room.get(['sh', SCRIPT, corpus, name, path], { timeoutMs: TIME_LIMIT_MS });
      const count = readFileSync(join(corpus, 'out', `${name}.count`), 'utf8').trim();
      if (Number(count) !== cases.length) throw new Error(`${name} ran ${count} cases`);
      return [name, readObservations(corpus, name)] as const;
    });
    return Object.fromEntries(await Promise.all(observed));
  } finally {
    await room.close();
  }
}
