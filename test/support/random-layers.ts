import type { TarMember } from './tar-writer.ts';

/** A linked file is one of several hard links: overlayfs tells them apart once one of them changes layers. */
type Kind = 'file' | 'linked file' | 'folder' | 'link';

const NAMES = ['a', 'b', 'c', 'd'];

/**
 * Layers of a few members each over few names, so that they meet often: files, folders, links into what is there, hard
 * links to files here and below, whiteouts, opaque folders. Well formed: nothing is below a file, and links have targets.
 */
export function randomLayers(seed: number): TarMember[][] {
  const random = generator(seed);
  const pick = <T>(items: readonly T[]): T => items[random(items.length)]!;
  const tree = new Map<string, Kind>();
  return Array.from({ length: 2 + random(3) }, (_, at) =>
    randomLayer(at === 0, { random, pick, tree }),
  );
}

interface World {
  readonly random: (below: number) => number;
  readonly pick: <T>(items: readonly T[]) => T;
  /** What the layers so far show together. */
  readonly tree: Map<string, Kind>;
}

function randomLayer(isBase: boolean, world: World): TarMember[] {
  const { random, pick, tree } = world;
  const members: TarMember[] = [
    { path: './', type: '5', mode: 0o755, mtime: 1_600_000_000 + random(1000) },
  ];
  const own = new Set<string>();
  const remove = (path: string): void => {
    for (const name of [...tree.keys()]) {
      if (name === path || name.startsWith(`${path}/`)) tree.delete(name);
    }
  };
  const before = new Map(tree);
  for (let count = 3 + random(8); count > 0; count -= 1) {
    const folders = [
      '',
      ...[...tree].filter(([, kind]) => kind === 'folder').map(([name]) => name),
    ];
    const parent = pick(folders);
    const path = parent === '' ? pick(NAMES) : `${parent}/${pick(NAMES)}`;
    // One member for each place: what a layer says twice is another test's business.
    if ([...own].some((name) => name === path || name.startsWith(`${path}/`))) continue;
    const common = { mtime: 1_500_000_000 + random(1e6), uid: random(3), gid: random(3) };
    const kind = random(isBase ? 4 : 6);
    if (kind === 0) {
      if (tree.get(path) !== 'folder') remove(path);
      members.push({ path: `${path}/`, type: '5', mode: pick([0o755, 0o1777, 0o700]), ...common });
      tree.set(path, 'folder');
      own.add(path);
    } else if (kind === 1 || kind === 4) {
      remove(path);
      members.push({
        path,
        content: `content ${random(1e6)}`,
        mode: pick([0o644, 0o4755, 0o600]),
        ...common,
      });
      tree.set(path, 'file');
      own.add(path);
    } else if (kind === 2) {
      remove(path);
      members.push({ path, type: '2', link: pick(['nowhere', ...tree.keys(), '/a']), ...common });
      tree.set(path, 'link');
      own.add(path);
    } else if (kind === 3) {
      const files = [...tree].filter(
        ([name, what]) =>
          what === 'file' &&
          !path.startsWith(`${name}/`) &&
          name !== path &&
          !name.startsWith(`${path}/`),
      );
      if (files.length === 0) continue;
      const [target] = pick(files);
      remove(path);
      members.push({ path, type: '1', link: target, ...common });
      tree.set(path, 'linked file').set(target, 'linked file');
      own.add(path).add(target);
    } else if (
      kind === 5 &&
      before.has(path) &&
      ![...own].some((name) => name.startsWith(parent))
    ) {
      remove(path);
      members.push({ path: path.replace(/([^/]+)$/, '.wh.$1'), content: '' });
      own.add(path);
    }
  }
  return members;
}

/** Numbers below a limit, the same for the same seed. @see https://prng.di.unimi.it/splitmix64.c */
function generator(seed: number): (below: number) => number {
  let state = BigInt(seed);
  const mask = (1n << 64n) - 1n;
  return (below) => {
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let mixed = state;
    mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & mask;
    mixed ^= mixed >> 31n;
    return Number(mixed % BigInt(below));
  };
}
