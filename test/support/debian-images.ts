import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { addLayer, beginLayout, finishLayout, type WrittenImage } from './layout-writer.ts';

const run = promisify(execFile);
const CACHE = resolve(import.meta.dirname, '../../.cache/debian-images');

/** An image made from Debian packages: a base layer that all share, and a layer of its own. */
interface Recipe {
  readonly packages: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  /** Run by a shell in the image after the packages are installed. */
  readonly setup?: string;
  readonly config: Readonly<Record<string, unknown>>;
}

const POSTGRES_ENTRYPOINT = `#!/bin/sh
# Makes the database on the first start, then runs the server as the user postgres.
set -eu
PATH="/usr/lib/postgresql/15/bin:$PATH"
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
mkdir -p "$PGDATA" /run/postgresql
chown -R postgres:postgres "$PGDATA" /run/postgresql
chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf '%s' "$POSTGRES_PASSWORD" > /run/postgresql/password
  chown postgres /run/postgresql/password
  as_postgres initdb -D "$PGDATA" --username="$POSTGRES_USER" --pwfile=/run/postgresql/password --auth-host=scram-sha-256 >/dev/null
  rm /run/postgresql/password
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  as_postgres pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start >/dev/null
  [ "$POSTGRES_DB" = "$POSTGRES_USER" ] || true
  as_postgres createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
  as_postgres pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"
`;

const RECIPES: Readonly<Record<string, Recipe>> = {
  nginx: {
    packages: ['nginx-light'],
    files: { '/etc/nginx/sites-enabled/default': '' },
    setup:
      'ln -sf /dev/stdout /var/log/nginx/access.log; ln -sf /dev/stderr /var/log/nginx/error.log',
    config: {
      Cmd: ['nginx', '-g', 'daemon off;'],
      ExposedPorts: { '80/tcp': {} },
      StopSignal: 'SIGQUIT',
    },
  },
  redis: {
    packages: ['redis-server'],
    files: {},
    setup: 'install -d -o redis -g redis /data',
    config: {
      User: 'redis',
      WorkingDir: '/data',
      Cmd: ['redis-server', '--bind', '0.0.0.0', '--protected-mode', 'no', '--dir', '/data'],
      ExposedPorts: { '6379/tcp': {} },
      Volumes: { '/data': {} },
    },
  },
  postgres: {
    packages: ['postgresql'],
    files: { '/usr/local/bin/entrypoint.sh': POSTGRES_ENTRYPOINT },
    config: {
      Env: [
        'PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'PGDATA=/var/lib/postgresql/data',
      ],
      Entrypoint: ['/usr/local/bin/entrypoint.sh'],
      Cmd: ['postgres', '-c', 'listen_addresses=*'],
      ExposedPorts: { '5432/tcp': {} },
      Volumes: { '/var/lib/postgresql/data': {} },
      StopSignal: 'SIGINT',
    },
  },
  python: {
    packages: ['python3-minimal', 'libpython3-stdlib'],
    files: {},
    config: { Cmd: ['python3'] },
  },
};

/** The names under which the images stand in the layout. */
export const DEBIAN_IMAGES = Object.keys(RECIPES);

/**
 * The path of an OCI image layout with one image per recipe, made with mmdebstrap and apt at the first
 * call (about two minutes, root, Debian's packages) and kept for later runs until a recipe changes.
 */
export async function ensureDebianImages(): Promise<string> {
  const source = await readFile(new URL(import.meta.url));
  const folder = join(CACHE, createHash('sha256').update(source).digest('hex').slice(0, 16));
  if (existsSync(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(join(CACHE, 'work-'));
  try {
    const layout = join(work, 'layout');
    await makeLayout(work, layout);
    await rename(layout, folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}

async function makeLayout(work: string, layout: string): Promise<void> {
  await beginLayout(layout);
  const base = join(work, 'base');
  await makeBase(base);
  const excluded = ['./var/lib/apt/lists/*', './var/cache/*', './dev/*', './proc/*', './sys/*'];
  const baseLayer = await addLayer(layout, base, { excluded });
  const images: WrittenImage[] = [];
  for (const [name, recipe] of Object.entries(RECIPES)) {
    const upper = await installInto(work, base, name, recipe);
    const layer = await addLayer(layout, upper, { excluded });
    images.push({ name, layers: [baseLayer, layer], config: recipe.config });
  }
  await finishLayout(layout, images);
}

async function makeBase(base: string): Promise<void> {
  const excluded = ['doc', 'man', 'locale', 'info', 'lintian'];
  const options = excluded.map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  await run('mmdebstrap', [
    '--quiet',
    '--variant=minbase',
    '--mode=root',
    '--skip=cleanup/apt/lists',
    ...options,
    'bookworm',
    base,
  ]);
}

/** Installs the packages over an overlay of the base, and gives the folder that holds what they added. */
async function installInto(
  work: string,
  base: string,
  name: string,
  recipe: Recipe,
): Promise<string> {
  const [upper, scratch, merged] = ['upper', 'scratch', 'merged'].map((part) =>
    join(work, name, part),
  ) as [string, string, string];
  for (const folder of [upper, scratch, merged]) await mkdir(folder, { recursive: true });
  await chmod(upper, 0o755);
  await run('mount', [
    '-t',
    'overlay',
    'overlay',
    '-o',
    `lowerdir=${base},upperdir=${upper},workdir=${scratch}`,
    merged,
  ]);
  try {
    await run('mount', ['-t', 'proc', 'proc', join(merged, 'proc')]);
    try {
      await writeFile(join(merged, 'etc/resolv.conf'), await readFile('/etc/resolv.conf'));
      await writeFile(join(merged, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', {
        mode: 0o755,
      });
      await mkdir(join(merged, 'etc/postgresql-common'), { recursive: true });
      await writeFile(
        join(merged, 'etc/postgresql-common/createcluster.conf'),
        'create_main_cluster = false\n',
      );
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
      const apt = [
        'apt-get',
        'install',
        '-y',
        '-qq',
        '--no-install-recommends',
        ...recipe.packages,
      ];
      await run('chroot', [merged, ...apt], { env, maxBuffer: 1 << 26 });
      if (recipe.setup !== undefined) await run('chroot', [merged, 'sh', '-c', recipe.setup]);
    } finally {
      await run('umount', [join(merged, 'proc')]);
    }
    for (const [path, content] of Object.entries(recipe.files)) {
      await rm(join(merged, path), { force: true });
      await writeFile(join(merged, path), content, { mode: 0o755 });
    }
    await writeFile(join(merged, 'etc/resolv.conf'), '');
  } finally {
    await run('umount', [merged]);
  }
  await markWhiteouts(upper);
  return upper;
}

/** Turns overlayfs' whiteouts into those of layers. @see image-spec layer.md#whiteouts */
async function markWhiteouts(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isCharacterDevice() && (await lstat(path)).rdev === 0) {
      await rm(path);
      await writeFile(join(folder, `.wh.${entry.name}`), '');
    } else if (entry.isDirectory()) {
      await markWhiteouts(path);
    }
  }
}
