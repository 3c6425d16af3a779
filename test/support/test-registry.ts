import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { addImage, type ImageStore, layersOf, newStore } from './image-fixture.ts';

/** One request, as it came. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

/** True: it has answered, or will; else the registry answers as it should. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * A registry on loopback that serves what is put into `store`, notes what it is asked, and does wrong what
 * `misbehave` is set to do.
 */
export class TestRegistry {
  readonly store: ImageStore = newStore();
  readonly requests: SeenRequest[] = [];
  misbehave: Misbehaviour = () => false;
  private readonly server = createServer((request, response) => this.serve(request, response));

  static async start(): Promise<TestRegistry> {
    const registry = new TestRegistry();
    await new Promise<void>((done) => registry.server.listen(0, '127.0.0.1', done));
    return registry;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Puts an image at `name` (`library/app:1`), which holds a file with that name; gives its digest. */
  addImage(name: string): string {
    const layers = layersOf([{ path: 'name', content: name }]);
    const image = addImage(this.store, { layers });
    this.store.tags.set(name, image);
    return image.digest;
  }

  /** Paths of the requests of a method, in order. */
  paths(method: string): string[] {
    return this.requests.filter((seen) => seen.method === method).map((seen) => seen.path);
  }

  stop(): Promise<void> {
    return new Promise((done) => {
      this.server.close(() => done());
      this.server.closeAllConnections();
    });
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', headers } = request;
    this.requests.push({ method, path: request.url ?? '', headers });
    if (this.misbehave(request, response)) return;
    const [url = ''] = (request.url ?? '').split('?');
    const match = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url);
    const [, repository = '', kind, name = ''] = match ?? [];
    if (kind === 'manifests') this.serveManifest(repository, name, response, method);
    else if (kind === 'blobs') this.serveBlob(name, request, response);
    else refuse(response, 404, 'NAME_UNKNOWN', 'repository name not known to registry');
  }

  private serveManifest(
    repository: string,
    name: string,
    response: ServerResponse,
    method: string,
  ): void {
    const tagged = this.store.tags.get(`${repository}:${name}`);
    const digest = tagged?.digest ?? name;
    const bytes = this.store.blobs.get(digest);
    if (bytes === undefined) {
      refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
      return;
    }
    const { mediaType } = JSON.parse(bytes.toString()) as { mediaType: string };
    response.writeHead(200, {
      'content-type': mediaType,
      'content-length': bytes.length,
      'docker-content-digest': digest,
    });
    response.end(method === 'HEAD' ? undefined : bytes);
  }

  private serveBlob(digest: string, request: IncomingMessage, response: ServerResponse): void {
    const bytes = this.store.blobs.get(digest);
    if (bytes === undefined) {
      refuse(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry');
      return;
    }
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (start === 0) {
      response.writeHead(200, { 'content-length': bytes.length });
      response.end(bytes);
      return;
    }
    response.writeHead(206, {
      'content-length': bytes.length - start,
      'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
    });
    response.end(bytes.subarray(start));
  }
}

/** An error in the form of the specification. */
export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}
