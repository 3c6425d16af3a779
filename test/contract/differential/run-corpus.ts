import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { PeerRoom } from '../../support/peers.ts';
import { OURS, SANITIZER_OPTIONS } from '../../support/runtime.ts';
import { runInVm } from '../../support/virtual-machine.ts';
import type { Case } from './case.ts';
import { folderOf, passOver, writeCorpus } from './corpus-folder.ts';
import { type Observation, readObservations } from './observe.ts';

const SCRIPT = resolve(import.meta.dirname, 'run-corpus.sh');
const TIME_LIMIT_MS = 500_000;
const VM_TIME_LIMIT_MS = 900_000;

export type PeerName = 'runc' | 'crun';
export const PEER_PATHS: Readonly<Record<PeerName, string>> = {
  runc: '/usr/sbin/runc',
  crun: '/usr/bin/crun',
};

export interface CorpusRun {
  readonly layout: 'hybrid' | 'legacy';
  readonly peers: readonly PeerName[];
  /** Ours, where it is not the usual build. */
  readonly path?: string;
}

/** What each runtime, ours as `ocup`, makes of each case, by the case's folder. */
export type Observed = Readonly<Record<string, Map<string, Observation>>>;

/** Runs all cases on this machine. The runtimes run side by side. */
export async function runCorpus(cases: readonly Case[], run: CorpusRun): Promise<Observed> {
  const room = await PeerRoom.open({ layout: run.layout });
  try {
    const corpus = join(room.scratch, 'corpus');
    mkdirSync(corpus);
    writeCorpus(corpus, cases);
    const programs = programsOf(run.path ?? OURS.path, run.peers);
    const observed = programs.map(async ([name, path]) => {
      await room.get(['sh', SCRIPT, corpus, name, path], { timeoutMs: TIME_LIMIT_MS });
      return [name, readAll(corpus, name, cases)] as const;
    });
    return Object.fromEntries(await Promise.all(observed));
  } finally {
    await room.close();
  }
}

/** Programs of the script whose options are the same in busybox: under emulation dynamic ones take 60 ms to start, static ones 5. */
const APPLETS =
  'basename cat chmod cp cut dirname find grep ln mkdir readlink rmdir sed seq sleep sort tr';

/**
 * The same on a pure cgroup v2 kernel, where `peersOf` says which peers run a case. Two machines with a processor each
 * share the cases: emulated processors of one machine wait for each other.
 */
export async function runCorpusInVms(
  cases: readonly Case[],
  peersOf: (item: Case) => readonly PeerName[],
): Promise<Observed> {
  const shares = [0, 1].map((share) => cases.filter((_, index) => index % 2 === share));
  const parts = await Promise.all(shares.map((share) => runShareInVm(share, peersOf)));
  return Object.fromEntries(
    Object.keys(parts[0] ?? {}).map((name) => {
      const found = cases.map((_, index) => {
        const part = parts[index % 2]?.[name]?.get(folderOf(Math.floor(index / 2)));
        return [folderOf(index), part ?? new Map<string, string>()] as const;
      });
      return [name, new Map(found)];
    }),
  );
}

async function runShareInVm(
  cases: readonly Case[],
  peersOf: (item: Case) => readonly PeerName[],
): Promise<Observed> {
  const scratch = mkdtempSync(join(tmpdir(), 'ocup-corpus-'));
  try {
    const corpus = join(scratch, 'corpus');
    mkdirSync(corpus);
    writeCorpus(corpus, cases);
    copyFileSync(SCRIPT, join(corpus, 'run-corpus.sh'));
    const programs = programsOf('/ocup/build/Release/ocup-runtime', ['runc', 'crun']);
    const runs = programs.map(([name]) => {
      const run = cases.filter((item) => name === 'ocup' || peersOf(item).includes(name));
      for (const [index, item] of cases.entries()) {
        if (!run.includes(item)) passOver(corpus, index, name);
      }
      return [name, run] as const;
    });
    const results = join(corpus, 'out');
    const options = { hasPeers: true, given: corpus, results };
    const { console } = await runInVm(vmScript(corpus, programs), VM_TIME_LIMIT_MS, options);
    return Object.fromEntries(
      runs.map(([name, run]) => [name, readAll(corpus, name, run, console)]),
    );
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function vmScript(corpus: string, programs: readonly Program[]): string {
  return [
    `mkdir -p ${corpus} /applets && mount --bind /given ${corpus}`,
    `for name in ${APPLETS}; do ln -s /bin/busybox /applets/$name; done; PATH=/applets:$PATH`,
    'export LIMIT="busybox timeout 20" REMOVE="busybox rm -rf"; exec < /dev/null',
    // One after another: a container of little weight gets no turn beside others.
    ...programs.map(
      ([name, path]) =>
        `unshare --mount --propagation private sh /given/run-corpus.sh ${corpus} ${name} ${path}`,
    ),
    'cp -a /given/out/. /results',
  ].join('\n');
}

/**
 * What is found in the output of each case of ours at `path`, a build with sanitizers, by the case's folder; what is
 * left behind counts too. Its libraries are this machine's, so it runs outside of the peers' room.
 */
export async function runCorpusForReports(
  cases: readonly Case[],
  path: string,
): Promise<ReadonlyMap<string, string>> {
  const scratch = mkdtempSync(join(tmpdir(), 'ocup-corpus-'));
  try {
    const corpus = join(scratch, 'corpus');
    mkdirSync(corpus);
    writeCorpus(corpus, cases);
    const namespaces = ['--mount', '--net', '--ipc', '--uts', '--pid', '--mount-proc'];
    const args = [...namespaces, '--fork', '--kill-child', 'sh', SCRIPT, corpus, 'ocup', path];
    await promisify(execFile)('unshare', args, {
      env: { PATH: process.env['PATH'] ?? '', ...SANITIZER_OPTIONS },
      timeout: TIME_LIMIT_MS,
    });
    readAll(corpus, 'ocup', cases);
    return new Map(
      cases.map((_, index) => [
        folderOf(index),
        reportOf(join(corpus, 'out/ocup', folderOf(index))),
      ]),
    );
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function reportOf(folder: string): string {
  const texts = readdirSync(folder)
    .filter((file) => /\.(out|err)$/.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  // Not every line of a sanitizer: some say that a filter of the case keeps it from memory.
  const faults = texts.filter((text) => /ERROR: \w+Sanitizer: |runtime error: /.test(text));
  return [...faults, readFileSync(join(folder, 'left'), 'utf8')].join('');
}

type Program = readonly [name: 'ocup' | PeerName, path: string];

function programsOf(ours: string, peers: readonly PeerName[]): Program[] {
  return [['ocup', ours], ...peers.map((peer) => [peer, PEER_PATHS[peer]] as const)];
}

function readAll(
  corpus: string,
  name: string,
  cases: readonly Case[],
  log = '',
): Map<string, Observation> {
  const file = join(corpus, 'out', `${name}.count`);
  const count = existsSync(file) ? readFileSync(file, 'utf8').trim() : '0';
  if (Number(count) !== cases.length) throw new Error(`${name} ran ${count} cases\n${log}`);
  return readObservations(corpus, name);
}
