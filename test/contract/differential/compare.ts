import type { Observation } from './observe.ts';

/** A difference that stays, and why. */
export interface Difference {
  readonly peer: 'runc' | 'crun' | 'both';
  /** The facts it is about, without the number of the step; all of them unless given. */
  readonly facts?: RegExp;
  /** The cases it is about; all of them unless given. */
  readonly cases?: readonly string[];
  /** It shows in that layout of cgroups only. */
  readonly only?: 'v1' | 'v2';
  /** It does not show in every run: the peer leaves it to chance. */
  readonly isChance?: boolean;
  readonly reason: string;
}

export interface Disagreement {
  readonly peer: 'runc' | 'crun';
  readonly fact: string;
  readonly ours: string;
  readonly theirs: string;
}

const NOTHING = '(nothing)';

/**
 * In what `theirs` is not what `ours` is. What a program sees is compared where both have run it. What an error
 * is about is compared with runc alone, whose words clients read; with crun, that there is one.
 */
export function compareObservations(
  peer: 'runc' | 'crun',
  ours: Observation,
  theirs: Observation,
): Disagreement[] {
  const found: Disagreement[] = [];
  const [seenByUs, seenByThem] = [ours, theirs].map(stepsWithSight);
  const names = [...new Set([...ours.keys(), ...theirs.keys()])].sort();
  for (const fact of names) {
    const step = fact.slice(0, fact.indexOf('.'));
    if (fact.includes('.see.') && !(seenByUs?.has(step) && seenByThem?.has(step))) continue;
    if (fact.endsWith('.error') && peer === 'crun') continue;
    const [mine = NOTHING, other = NOTHING] = [ours.get(fact), theirs.get(fact)];
    if (mine !== other) found.push({ peer, fact, ours: mine, theirs: other });
  }
  return found;
}

function stepsWithSight(observation: Observation): Set<string> {
  return new Set(
    [...observation.keys()]
      .filter((fact) => fact.includes('.see.'))
      .map((fact) => fact.slice(0, fact.indexOf('.'))),
  );
}

/** In what the peers differ from ours in a case, given by name and folder, each with the entries that explain it. */
export function judge(
  table: readonly Difference[],
  observed: Readonly<Record<string, ReadonlyMap<string, Observation>>>,
  peers: readonly ('runc' | 'crun')[],
  [name, folder]: readonly [string, string],
): readonly { readonly found: Disagreement; readonly entries: readonly number[] }[] {
  const of = (runtime: string): Observation => observed[runtime]?.get(folder) ?? new Map();
  return peers
    .flatMap((peer) => compareObservations(peer, of('ocup'), of(peer)))
    .map((found) => ({
      found,
      entries: [...table.entries()]
        .filter(([, entry]) => explains(entry, name, found))
        .map(([index]) => index),
    }));
}

/** Whether the table's entry explains it. */
function explains(entry: Difference, name: string, { peer, fact }: Disagreement): boolean {
  if (entry.peer !== 'both' && entry.peer !== peer) return false;
  if (entry.cases !== undefined && !entry.cases.includes(name)) return false;
  return entry.facts?.test(fact.replace(/^\d+\./, '')) ?? true;
}
