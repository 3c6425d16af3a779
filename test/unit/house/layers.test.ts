import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '../../..');

interface Room {
  readonly name: string;
  readonly layer: number;
  readonly rooms: ReadonlySet<string>;
  readonly packages: ReadonlySet<string>;
}

/** The table of ARCHITECTURE.md: `| layer | \`src/room\` | … | rooms; packages |`. */
function readRooms(): Map<string, Room> {
  const text = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');
  const rooms = new Map<string, Room>();
  for (const match of text.matchAll(/^\| (\d) \| `src\/(\w+)` \|[^|]*\|([^|]*)\|$/gm)) {
    const [, layer = '', name = '', allowed = ''] = match;
    const [roomPart = '', packagePart = ''] = allowed.split(';');
    rooms.set(name, {
      name,
      layer: Number(layer),
      rooms: new Set(words(roomPart)),
      packages: new Set(words(packagePart)),
    });
  }
  return rooms;
}

function words(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '' && word !== 'node');
}

interface Import {
  readonly file: string;
  readonly from: string;
  readonly target: string;
}

function readImports(): Import[] {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(ROOT, 'src', file), 'utf8');
      const specifiers = ts.preProcessFile(text).importedFiles.map((item) => item.fileName);
      const room = file.split('/')[0] ?? '';
      return specifiers.map((target) => ({ file: join('src', file), from: room, target }));
    });
}

function targetRoom(item: Import): string {
  const path = resolve(ROOT, dirname(item.file), item.target);
  return relative(join(ROOT, 'src'), path).split('/')[0] ?? '';
}

const rooms = readRooms();
const imports = readImports();

describe('the rooms of src', () => {
  test('every folder is in the table of ARCHITECTURE.md, and the other way round', () => {
    const folders = readdirSync(join(ROOT, 'src'));
    expect([...rooms.keys()].sort()).toEqual(folders.sort());
  });

  test('a room may use only rooms below it', () => {
    const wrong = [...rooms.values()].flatMap((room) =>
      [...room.rooms].filter(
        (name) => (rooms.get(name)?.layer ?? 99) >= room.layer && !isBesideAllowed(room, name),
      ),
    );
    expect(wrong).toEqual([]);
  });

  test('every import stays inside what its room may use', () => {
    const wrong = imports
      .filter((item) => !isAllowed(item))
      .map((item) => `${item.file} imports ${item.target}`);
    expect(wrong).toEqual([]);
  });

  test('only src/native/addon.ts loads the addon', () => {
    const loaders = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .filter((file) => readFileSync(join(ROOT, 'src', file), 'utf8').includes(".node'"));
    expect(loaders).toEqual(['native/addon.ts']);
  });
});

/** Within one layer the table may name an order; nothing may name each other. */
function isBesideAllowed(room: Room, name: string): boolean {
  const other = rooms.get(name);
  return other?.layer === room.layer && !other.rooms.has(room.name);
}

function isAllowed(item: Import): boolean {
  const room = rooms.get(item.from);
  if (room === undefined || item.target.startsWith('node:')) return room !== undefined;
  if (!item.target.startsWith('.')) {
    const name = item.target
      .split('/')
      .slice(0, item.target.startsWith('@') ? 2 : 1)
      .join('/');
    return room.packages.has(name);
  }
  const target = targetRoom(item);
  return target === item.from || target === 'base' || room.rooms.has(target);
}
