import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../support/eventually.ts';
import type { RunResult } from '../support/ocup.ts';
import { PeerRoom, peersObstacle } from '../support/peers.ts';

const run = promisify(execFile);

/** A docker daemon in a room of its own. */
export class DockerRoom {
  readonly scratch: string;
  private readonly room: PeerRoom;

  private constructor(room: PeerRoom) {
    this.room = room;
    this.scratch = room.scratch;
  }

  /** Its containers' state goes into `runFolder`, or beside the rest. @throws where there is no docker */
  static async open(options: { readonly runFolder?: string } = {}): Promise<DockerRoom> {
    const obstacle = peersObstacle();
    if (obstacle !== undefined) throw new Error(`no docker to compare with: ${obstacle}`);
    const { runFolder } = options;
    const room = await PeerRoom.open({ binds: runFolder === undefined ? [] : [runFolder] });
    const docker = new DockerRoom(room);
    const folder = join(room.scratch, 'docker');
    await mkdir(folder);
    room.start([
      'dockerd',
      ...['--storage-driver', 'overlay2', '--data-root', join(folder, 'data')],
      ...['--exec-root', join(runFolder ?? folder, 'exec'), '--pidfile', join(folder, 'pid')],
      ...['-H', `unix://${folder}/docker.sock`],
    ]);
    const isUp = async (): Promise<boolean> =>
      (await docker.run('/', ['docker', 'info'])).code === 0;
    await eventually(isUp, 60_000, 'dockerd');
    return docker;
  }

  run(cwd: string, argv: readonly string[]): Promise<RunResult> {
    const socket = { DOCKER_HOST: `unix://${this.scratch}/docker/docker.sock` };
    return this.room.run(argv, { cwd, env: socket, timeoutMs: 120_000 });
  }

  /** @throws what was said where it failed */
  async succeed(cwd: string, argv: readonly string[]): Promise<void> {
    const { code, stderr } = await this.run(cwd, argv);
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${stderr}`);
  }

  /** Makes a folder an image. */
  async import(rootfs: string, image: string): Promise<void> {
    const archive = join(this.scratch, 'import.tar');
    await run('tar', ['-C', rootfs, '-cf', archive, '.']);
    await this.succeed('/', ['docker', 'import', archive, image]);
  }

  close(): Promise<void> {
    return this.room.close();
  }
}
