// The files of the fake supervisor's containers: an archive that was written to a path is read from it again.
import { OcupError } from '../../src/base/errors.ts';
import { FRAME } from '../../src/wire/frames.ts';
import type { CopyParams } from '../../src/wire/protocol.ts';
import type { StreamCall } from '../../src/wire/server.ts';
import { encodeError } from '../../src/wire/wire-error.ts';

export class FakeCopies {
  private readonly archives = new Map<string, Buffer>();

  async answer({ container, operation, path }: CopyParams, call: StreamCall): Promise<void> {
    const stream = call.upgrade({});
    const key = `${container} ${path}`;
    if (operation === 'write') {
      const chunks: Buffer[] = [];
      for await (const { type, payload } of stream.frames) {
        if (type === FRAME.stdinEnd) break;
        chunks.push(payload);
      }
      this.archives.set(key, Buffer.concat(chunks));
    } else {
      const archive = this.archives.get(key);
      if (archive === undefined) {
        const error = new OcupError('E_CONTAINER_COPY', `stat ${path}: No such file or directory`);
        await stream.send(FRAME.error, JSON.stringify(encodeError(error)));
        stream.close();
        return;
      }
      await stream.send(FRAME.stdout, archive);
    }
    await stream.send(FRAME.exit, JSON.stringify({ exitCode: 0 }));
    stream.close();
  }
}
