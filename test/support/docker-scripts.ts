// Scripts written for docker compose, run against it and, with the name changed, against ocup.
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';
import { addLayer, beginLayout, finishLayout } from './layout-writer.ts';
import { OcupHome, runProgram } from './ocup.ts';
import { PeerRoom } from './peers.ts';
import { type Registry, startRegistry } from './registry.ts';

const FOLDER = resolve(import.meta.dirname, '../e2e/docker-scripts');
const BIN = resolve(import.meta.dirname, '../../bin');
const SCRIPT_TIMEOUT_MS = 120_000;

/** The names of the scripts, in order. */
export async function listScripts(): Promise<string[]> {
  return (await readdir(FOLDER)).filter((name) => name.endsWith('.sh')).sort();
}

export interface ScriptResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Docker's daemon in a room of peers, and an ocup of its own, with the same image under the same name. */
export class ScriptLab {
  private readonly home = new OcupHome();
  private readonly room: PeerRoom;
  private readonly registry: Registry;
  private readonly folder: string;

  private constructor(known: {
    readonly room: PeerRoom;
    readonly registry: Registry;
    readonly folder: string;
  }) {
    this.room = known.room;
    this.registry = known.registry;
    this.folder = known.folder;
  }

  static async open(): Promise<ScriptLab> {
    const folder = await mkdtemp(join(tmpdir(), 'ocup-scripts-'));
    const registry = await startRegistry();
    const room = await PeerRoom.open({ network: 'private', binds: [folder] });
    const lab = new ScriptLab({ room, registry, folder });
    try {
      await lab.prepare();
    } catch (error) {
      await lab.close();
      throw error;
    }
    return lab;
  }

  get image(): string {
    return `${this.registry.host}/busybox:1`;
  }

  /** Runs a script with docker compose, and gives its result without what differs from run to run. */
  async runWithDocker(name: string): Promise<ScriptResult> {
    const cwd = await this.makeProject('docker', name);
    const options = { cwd, env: this.env, timeoutMs: SCRIPT_TIMEOUT_MS };
    return normalised(await this.room.run(['sh', name], options), cwd);
  }

  /** The same script with `ocup` for `docker compose`. */
  async runWithOcup(name: string): Promise<ScriptResult> {
    const cwd = await this.makeProject('ocup', name);
    const script = await readFile(join(cwd, name), 'utf8');
    await writeFile(join(cwd, name), script.replaceAll('docker compose', 'ocup'));
    const PATH = `${BIN}:${process.env['PATH'] ?? ''}`;
    const env = { ...this.env, ...this.home.env, PATH };
    const options = { cwd, env, timeoutMs: SCRIPT_TIMEOUT_MS };
    return normalised(await runProgram('sh', [name], options), cwd);
  }

  async close(): Promise<void> {
    await this.room.close();
    await this.registry.stop();
    await rm(this.folder, { recursive: true, force: true });
    await this.home.close();
  }

  private get env(): Record<string, string> {
    return { IMAGE: this.image, LANG: 'C.UTF-8' };
  }

  /** A folder `demo` with the compose file and the script: the project's name is the same on both sides. */
  private async makeProject(side: string, name: string): Promise<string> {
    const cwd = join(this.folder, side, name.slice(0, -'.sh'.length), 'demo');
    await mkdir(cwd, { recursive: true });
    for (const file of ['compose.yaml', name]) await copyFile(join(FOLDER, file), join(cwd, file));
    return cwd;
  }

  private async prepare(): Promise<void> {
    const layout = await this.makeImage();
    const archive = join(this.folder, 'busybox.tar');
    const skopeo = (target: string, ...options: string[]): Promise<unknown> =>
      promisify(execFile)('skopeo', ['copy', '-q', ...options, `oci:${layout}:busybox`, target]);
    await skopeo(`docker://${this.image}`, '--dest-tls-verify=false');
    await skopeo(`docker-archive:${archive}:${this.image}`);
    this.room.start(['dockerd', '--storage-driver', 'overlay2']);
    await eventually(
      async () => (await this.room.run(['docker', 'version'])).code === 0,
      60_000,
      'the daemon of docker',
    );
    await this.room.get(['docker', 'load', '-q', '-i', archive]);
    await this.home.succeed(['image', 'pull', this.image]);
  }

  private async makeImage(): Promise<string> {
    const root = join(this.folder, 'root');
    for (const name of ['bin', 'etc', 'opt', 'www'])
      await mkdir(join(root, name), { recursive: true });
    await mkdir(join(root, 'tmp'), { mode: 0o1777 });
    await copyFile('/bin/busybox', join(root, 'bin/busybox'));
    const { stdout } = await promisify(execFile)('/bin/busybox', ['--list']);
    for (const applet of stdout.trim().split('\n')) {
      if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet));
    }
    await writeFile(
      join(root, 'etc/passwd'),
      'root:x:0:0:root:/:/bin/sh\nuser:x:1:1:user:/:/bin/sh\n',
    );
    await writeFile(join(root, 'etc/group'), 'root:x:0:\nuser:x:1:\n');
    await writeFile(join(root, 'www/index.html'), 'hello\n');
    const layout = join(this.folder, 'layout');
    await beginLayout(layout);
    const layer = await addLayer(layout, root);
    await finishLayout(layout, [{ name: 'busybox', layers: [layer], config: { Cmd: ['sh'] } }]);
    return layout;
  }
}

function normalised(result: ScriptResult, cwd: string): ScriptResult {
  const clean = (text: string): string =>
    text
      .replaceAll(cwd, '<project>')
      .replaceAll(/[^\w\n]*\u001b\[K/g, '') // docker compose erases lines even where there is no terminal
      .replaceAll(/\b[0-9a-f]{64}\b/g, '<id>')
      .replaceAll(/\b[0-9a-f]{12}\b/g, '<short id>');
  return { code: result.code, stdout: clean(result.stdout), stderr: clean(result.stderr) };
}
