import type { ImageCalls } from '../wire/image-calls.ts';
import type { Call, Handlers } from '../wire/server.ts';
import type { Rooms } from './rooms.ts';

/** The calls that carry images between the store, files and registries. */
export function transferHandlers({ images, events }: Rooms): Pick<Handlers, keyof ImageCalls> {
  const { transfers } = images;
  const tell = (action: 'pull' | 'tag', names: readonly string[]): void => {
    for (const name of names) events.tell({ kind: 'image', action, name });
  };
  return {
    'image.inspect': ({ image, platform }) => images.details(image, platform),
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
