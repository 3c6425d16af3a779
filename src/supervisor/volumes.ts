import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { writeFileAtomic } from '../base/atomic-file.ts';
import { OcupError } from '../base/errors.ts';
import { KeyedMutex } from '../base/keyed-mutex.ts';
import { exactly, flag, objectOf, parseShape, text } from '../base/shape.ts';
import type { Volume, VolumeConfig } from '../model/network.ts';
import { volumeConfigShape } from '../wire/config-shape.ts';
import { timestamp } from './clock.ts';
import { parseRecordJson } from './record.ts';
import { readOrSetAside } from './record-store.ts';

interface VolumeRecord {
  readonly version: 1;
  readonly config: VolumeConfig;
  readonly isAnonymous: boolean;
  readonly createdAt: string;
}

const recordShape = objectOf<VolumeRecord>({
  version: exactly(1),
  config: volumeConfigShape,
  isAnonymous: flag,
  createdAt: text,
});

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/**
 * The folder `<data>/volumes`: one folder a volume, with `volume.json` and its content in `_data`, or with
 * the content elsewhere for a volume that binds a folder of the host.
 */
export class Volumes {
  private readonly root: string;
  private readonly usersOf: (name: string) => readonly string[];
  private readonly volumes = new Map<string, Volume>();
  private readonly damaged = new Set<string>();
  private readonly locks = new KeyedMutex();

  private constructor(root: string, usersOf: (name: string) => readonly string[]) {
    this.root = root;
    this.usersOf = usersOf;
  }

  /** `usersOf` names the containers that mount a volume. `damaged` gets a sentence for each bad record. */
  static async open(
    dataDir: string,
    usersOf: (name: string) => readonly string[],
    damaged: string[],
  ): Promise<Volumes> {
    const volumes = new Volumes(join(dataDir, 'volumes'), usersOf);
    await mkdir(volumes.root, { recursive: true, mode: 0o711 });
    for (const name of await readdir(volumes.root)) await volumes.load(name, damaged);
    return volumes;
  }

  list(): readonly Volume[] {
    return [...this.volumes.values()].sort((a, b) => (a.config.name < b.config.name ? -1 : 1));
  }

  find(name: string): Volume | undefined {
    return this.volumes.get(name);
  }

  /** @throws E_VOLUME_NOT_FOUND */
  get(name: string): Volume {
    const volume = this.volumes.get(name);
    if (volume !== undefined) return volume;
    if (this.damaged.has(name)) {
      throw new OcupError('E_RECORD_DAMAGED', `volume.json of volume ${name} is damaged`, {
        hint: `Look at ${join(this.root, name)}, and put the record right or remove the folder.`,
      });
    }
    throw new OcupError('E_VOLUME_NOT_FOUND', `get ${name}: no such volume`);
  }

  /**
   * Makes it, or gives the one of that name that is there.
   * @throws E_VOLUME_INVALID for a name, driver or option that cannot be done
   */
  async create(
    config: VolumeConfig,
    options: { readonly isAnonymous: boolean } = { isAnonymous: false },
  ): Promise<{ readonly volume: Volume; readonly isNew: boolean }> {
    if (!NAME.test(config.name)) throw invalidName(config.name);
    const device = await findDevice(config);
    return this.locks.run(config.name, async () => {
      const known = this.volumes.get(config.name);
      if (known !== undefined) return { volume: known, isNew: false };
      if (this.damaged.has(config.name)) this.get(config.name);
      const folder = join(this.root, config.name);
      const path = device ?? join(folder, '_data');
      await mkdir(join(folder, '_data'), { recursive: true });
      const { isAnonymous } = options;
      const record: VolumeRecord = { version: 1, config, isAnonymous, createdAt: timestamp() };
      await writeFileAtomic(join(folder, 'volume.json'), `${JSON.stringify(record)}\n`);
      const volume: Volume = { config, path, isAnonymous, createdAt: record.createdAt };
      this.volumes.set(config.name, volume);
      return { volume, isNew: true };
    });
  }

  /** Removes it with its content. @throws E_VOLUME_NOT_FOUND, E_VOLUME_IN_USE */
  async remove(name: string): Promise<void> {
    await this.locks.run(name, async () => {
      this.get(name);
      const users = this.usersOf(name);
      if (users.length > 0) {
        const message = `remove ${name}: volume is in use - [${users.join(', ')}]`;
        throw new OcupError('E_VOLUME_IN_USE', message, { details: { users } });
      }
      this.volumes.delete(name);
      // Without its record it is no volume any more, whatever becomes of the content.
      await rm(join(this.root, name, 'volume.json'), { force: true });
      await rm(join(this.root, name), { recursive: true, force: true });
    });
  }

  private async load(name: string, damaged: string[]): Promise<void> {
    const path = join(this.root, name, 'volume.json');
    const before = damaged.length;
    const record = await readOrSetAside(path, parseVolumeRecord, damaged);
    if (record === undefined) {
      const names: string[] = await readdir(join(this.root, name)).catch(() => []);
      if (damaged.length > before || names.includes('volume.json.damaged')) this.damaged.add(name);
      else await rm(join(this.root, name), { recursive: true, force: true });
      return;
    }
    const { config, isAnonymous, createdAt } = record;
    const device = config.driverOptions['device'];
    this.volumes.set(name, {
      config,
      path: device ?? join(this.root, name, '_data'),
      isAnonymous,
      createdAt,
    });
  }
}

function parseVolumeRecord(content: string): VolumeRecord {
  const as = { code: 'E_RECORD_DAMAGED', name: 'volume.json: record' } as const;
  return parseShape(recordShape, parseRecordJson(content), as);
}

/** The folder that a volume with `o: bind` stands for; undefined for one of our own. */
async function findDevice(config: VolumeConfig): Promise<string | undefined> {
  if (config.driver !== 'local') {
    throw invalid(config, `driver ${JSON.stringify(config.driver)} is not known here`, 'local');
  }
  const { type, o: mountOptions = '', device, ...others } = config.driverOptions;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw invalid(config, `invalid option: ${JSON.stringify(unknown)}`);
  if (type === undefined && device === undefined && mountOptions === '') return undefined;
  const isBind = mountOptions.split(',').some((option) => option === 'bind' || option === 'rbind');
  if (!isBind || device === undefined) {
    throw invalid(config, `volumes of type ${JSON.stringify(type ?? '')} cannot be mounted`);
  }
  if (!isAbsolute(device))
    throw invalid(config, `device ${JSON.stringify(device)} is not absolute`);
  const found = await stat(device).catch(() => undefined);
  if (found?.isDirectory() === true) return device;
  throw invalid(config, `failed to mount local volume: ${device}: no such file or directory`);
}

function invalid(config: VolumeConfig, problem: string, driver?: string): OcupError {
  const hint =
    driver === undefined
      ? 'Use a plain volume, or one with driver_opts type: none, o: bind and device: /absolute/path.'
      : `Use the driver ${driver}.`;
  return new OcupError('E_VOLUME_INVALID', `create ${config.name}: ${problem}`, { hint });
}

function invalidName(name: string): OcupError {
  return new OcupError(
    'E_VOLUME_INVALID',
    `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, ` +
      'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed',
    { hint: 'Write an absolute path if a folder of the host is meant.' },
  );
}
