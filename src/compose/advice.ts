import { findClosest } from './did-you-mean.ts';
import { type Problems, TOPICS, type Topic } from './problems.ts';
import {
  type RawNode,
  entriesOf,
  findChild,
  findMap,
  findText,
  itemsOf,
  scalarText,
} from './raw-tree.ts';
import type { Variables } from './environment.ts';

/**
 * Warnings about what is right, but does something else than many expect: a port that a later file adds
 * instead of replacing it, images that change under their name. `root` is canonical.
 */
export function advise(root: RawNode, problems: Problems): void {
  for (const [name, { node }] of entriesOf(root, 'services')) {
    adviseImage(node, name, problems);
    advisePorts(node, name, problems);
  }
}

/** An image that is here is used as it is: `latest` is only the name of a tag. */
function adviseImage(service: RawNode, name: string, problems: Problems): void {
  const image = findChild(service, 'image');
  const text = findText(service, 'image');
  if (image === undefined || text === undefined || text === '') return;
  if (findChild(service, 'build') !== undefined || findText(service, 'pull_policy') !== undefined)
    return;
  // `oci:FOLDER` and its kin are files, a digest never changes.
  if (/^[a-z-]+:(?:\/|\.)/.test(text) || text.includes('@')) return;
  const tag = /:([^/:]+)$/.exec(text)?.[1];
  if (tag !== undefined && tag !== 'latest') return;
  const said =
    tag === undefined ? 'the image has no tag, which means `latest`' : 'the tag `latest`';
  problems.warning(
    { position: image.position, path: ['services', name, 'image'] },
    `${said}: it is fetched once, and not again when the registry has a newer one`,
    { hint: 'name a version, or set `pull_policy: always`', topic: 'latest-tag' },
  );
}

/** Lists of ports add up over files: a changed port on the host is a second one. */
function advisePorts(service: RawNode, name: string, problems: Problems): void {
  const before = new Map<string, { item: RawNode; published: string }>();
  for (const [index, item] of itemsOf(service, 'ports').entries()) {
    const published = textAt(item, 'published');
    const target = `${textAt(item, 'target')}/${textAt(item, 'protocol')}`;
    const earlier = before.get(target);
    if (earlier === undefined) before.set(target, { item, published });
    else if (
      earlier.item.position.file !== item.position.file &&
      earlier.published !== published &&
      published !== ''
    ) {
      const { line } = earlier.item.position;
      problems.warning(
        { position: item.position, path: ['services', name, 'ports', index] },
        `ports of several files add up: ${target} is published at ${published} and, from line ${line} of the file before, at ${earlier.published === '' ? 'a free port' : earlier.published}`,
        { hint: 'write `ports: !override` to replace them', topic: 'merged-ports' },
      );
    }
  }
}

function textAt(node: RawNode, key: string): string {
  const child = findChild(node, key);
  return child?.kind === 'scalar' ? scalarText(child.value) : '';
}

/**
 * Silences what the files (`x-ocup: {silence: [TOPIC]}`) or the variable `OCUP_SILENCE` (topics with commas
 * between them) ask for; `all` is every topic.
 */
export function applySilence(root: RawNode, variables: Variables, problems: Problems): void {
  const settings = findMap(root, 'x-ocup');
  const entry = settings?.entries.get('silence');
  const items =
    entry?.node.kind === 'list' ? entry.node.items : entry === undefined ? [] : [entry.node];
  for (const [index, item] of items.entries()) {
    const text = item.kind === 'scalar' ? scalarText(item.value) : '';
    if (silence(text, problems)) continue;
    const words = ['all', ...Object.keys(TOPICS)];
    const closest = findClosest(text, words);
    const hint = closest === undefined ? `use ${words.join(', ')}` : `did you mean \`${closest}\`?`;
    const path = ['x-ocup', 'silence', index];
    problems.warning({ position: item.position, path }, 'names no kind of warning', { hint });
  }
  for (const word of (variables.get('OCUP_SILENCE') ?? '').split(','))
    silence(word.trim(), problems);
}

/** False: there is no such topic. */
function silence(word: string, problems: Problems): boolean {
  const topics = Object.keys(TOPICS).filter(isTopic);
  const chosen = topics.filter((topic) => word === 'all' || topic === word);
  for (const topic of chosen) problems.silence(topic);
  return chosen.length > 0;
}

function isTopic(word: string): word is Topic {
  return word in TOPICS;
}
