import type { HealthcheckConfig, ReadyProbe } from '../model/healthcheck.ts';
import type { Json, JsonObject } from '../model/project.ts';
import { type Conversion, refuse } from './conversion.ts';
import { isObject, numberAt, objectAt, textAt } from './fields.ts';

const KINDS = ['tcp', 'http', 'log', 'file'] as const;
const HINT = 'write one of tcp: PORT, http: PORT or {port, path}, log: PATTERN, file: PATH';
const MAX_PORT = 65_535;

/** What `x-ocup` says of the probe of a service: `ready`, and `strict` for Docker's timing. */
export function toReadiness(
  service: JsonObject,
  name: string,
  conversion: Conversion,
): Pick<HealthcheckConfig, 'ready' | 'isStrict'> {
  const own = objectAt(service, 'x-ocup');
  return {
    ready: toReady(service, name, conversion),
    isStrict: own?.['strict'] === true,
  };
}

function toReady(
  service: JsonObject,
  name: string,
  conversion: Conversion,
): ReadyProbe | undefined {
  const ready = objectAt(service, 'x-ocup')?.['ready'];
  if (ready === undefined || ready === null) return undefined;
  const path = ['services', name, 'x-ocup', 'ready'];
  if (objectAt(service, 'healthcheck')?.['test'] !== undefined) {
    refuse(
      conversion,
      path,
      'a service has one probe: x-ocup.ready or healthcheck.test',
      'keep one',
    );
    return undefined;
  }
  if (!isObject(ready)) {
    refuse(conversion, path, 'ready must be a mapping', HINT);
    return undefined;
  }
  const keys = Object.keys(ready);
  const kind = KINDS.find((known) => known === keys[0]);
  if (kind === undefined || keys.length !== 1) {
    refuse(conversion, path, 'ready must have one kind of probe', HINT);
    return undefined;
  }
  const probe = toProbe(kind, ready[kind]);
  if (typeof probe !== 'string') return probe;
  refuse(conversion, [...path, kind], probe, HINT);
  return undefined;
}

/** A probe, or what is wrong with what was written. */
function toProbe(kind: (typeof KINDS)[number], value: Json | undefined): ReadyProbe | string {
  switch (kind) {
    case 'tcp': {
      const port = toPort(value);
      return port === undefined ? 'tcp must be a port' : { kind, port };
    }
    case 'http': {
      const written = isObject(value) ? value : { port: value ?? null };
      const port = toPort(written['port']);
      const path = textAt(written, 'path') ?? '/';
      const status = numberAt(written, 'status');
      if (port === undefined) return 'http must have a port';
      return path.startsWith('/') ? { kind, port, path, status } : 'path must begin with /';
    }
    case 'log': {
      if (typeof value !== 'string' || value === '') return 'log must be a regular expression';
      return isPattern(value) ? { kind, pattern: value } : 'log is no valid regular expression';
    }
    case 'file':
      if (typeof value !== 'string' || !value.startsWith('/'))
        return 'file must be an absolute path';
      return { kind, path: value };
  }
}

function toPort(value: Json | undefined): number | undefined {
  const port = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof port !== 'number' || !Number.isInteger(port)) return undefined;
  return port >= 1 && port <= MAX_PORT ? port : undefined;
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}
