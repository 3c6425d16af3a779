import { exportProject, importProject } from '../image/project-archive.ts';
import { logIn, logOut } from '../image/registry/login.ts';
import type { ImageCalls, VerifyReport } from '../wire/image-calls.ts';
import type { Call, Handlers } from '../wire/server.ts';
import { measureUsage } from './disk-usage.ts';
import type { Rooms } from './rooms.ts';

/** The calls that carry images between the store, files and registries. */
export function transferHandlers(rooms: Rooms): Pick<Handlers, keyof ImageCalls> {
  const { images, events } = rooms;
  const { transfers } = images;
  const tell = (action: 'pull' | 'push' | 'tag', names: readonly string[]): void => {
    for (const name of names) events.tell({ kind: 'image', action, name });
  };
  return {
    'image.inspect': ({ image, platform }) => images.details(image, platform),
    'image.resolve': async ({ image, environment: env }, { signal }) => ({
      digest: await transfers.resolve(image, signal, env),
    }),
    'image.tag': async ({ image, name }) => {
      const tagged = await transfers.tag(image, name);
      tell('tag', [name]);
      return tagged;
    },
    'image.load': async ({ path, platform }, call) => {
      const { signal } = call;
      const loaded = await transfers.load({ path, platform, signal, onProgress: sending(call) });
      for (const image of loaded) tell('pull', image.names);
      return { images: loaded };
    },
    'image.push': async ({ image, destination, platform, environment: env }, call) => {
      const onProgress = sending(call);
      const { signal } = call;
      const request = { image, destination, platform, env, signal, onProgress };
      const { digest, size } = await transfers.push(request);
      tell('push', [destination]);
      return { digest, sizeBytes: size };
    },
    'image.lock': ({ image, platforms, environment: env }, call) => {
      const { signal } = call;
      return transfers.lock({ image, platforms, env, signal, onProgress: sending(call) });
    },
    'project.export': (params, call) => {
      const send = sending(call);
      const onBytes = (currentBytes: number): void => send({ kind: 'bytes', currentBytes });
      return exportProject(transfers, { ...params, signal: call.signal, onBytes });
    },
    'project.import': async (params, call) => {
      const { signal } = call;
      const request = { ...params, signal, onProgress: sending(call) };
      const imported = await importProject(transfers, request);
      for (const image of imported.images) tell('pull', image.names);
      return imported;
    },
    'system.usage': (_, { signal }) => measureUsage(rooms, signal),
    'registry.login': ({ server, login, environment: env }, { signal }) =>
      logIn({ server, login }, { env, signal }),
    'registry.logout': ({ server, environment: env }, { signal }) =>
      logOut(server, { env, signal }),
    'image.verify': async ({ images: names, repairs, environment: env }, call) => {
      const { signal } = call;
      const onProgress = sending(call);
      const wanted = names.length === 0 ? [undefined] : names;
      const reports: VerifyReport[] = [];
      for (const nameOrId of wanted) {
        reports.push(await images.verify({ nameOrId, repairs, env, signal, onProgress }));
      }
      return mergeReports(reports);
    },
    'image.save': (params, call) => {
      const send = sending(call);
      const onBytes = (currentBytes: number): void => send({ kind: 'bytes', currentBytes });
      return transfers.save({ ...params, signal: call.signal, onBytes });
    },
  };
}

/** Whoever does not listen any more misses nothing. */
function sending<Event>(call: Call<Event>): (event: Event) => void {
  return (event) => void call.send(event).catch(() => undefined);
}

function mergeReports(reports: readonly VerifyReport[]): VerifyReport {
  const sum = (kind: keyof VerifyReport['checked']): number =>
    reports.reduce((total, { checked }) => total + checked[kind], 0);
  return {
    checked: { documents: sum('documents'), blobs: sum('blobs'), snapshots: sum('snapshots') },
    findings: reports.flatMap(({ findings }) => findings),
  };
}
