import type { Container } from '../../model/container.ts';

/** A port of a container as tables and JSON show it. */
export interface Publisher {
  readonly URL: string;
  readonly TargetPort: number;
  /** 0: not published. */
  readonly PublishedPort: number;
  readonly Protocol: string;
}

/** Published ports and those that are only exposed, in a fixed order; none where nothing runs. */
export function publishersOf(container: Container): Publisher[] {
  if (container.state !== 'running' && container.state !== 'paused') return [];
  const published = container.ports.map((port): Publisher => ({
    URL: port.hostIp,
    TargetPort: port.containerPort,
    PublishedPort: port.hostPort,
    Protocol: port.protocol,
  }));
  const exposed = container.exposedPorts.flatMap((text): Publisher[] => {
    const [number = '', protocol = 'tcp'] = text.split('/');
    const target = Number(number);
    const isPublished = published.some(
      (port) => port.TargetPort === target && port.Protocol === protocol,
    );
    if (isPublished || !Number.isSafeInteger(target)) return [];
    return [{ URL: '', TargetPort: target, PublishedPort: 0, Protocol: protocol }];
  });
  return [...published, ...exposed].sort(
    (a, b) =>
      a.TargetPort - b.TargetPort ||
      compare(a.URL, b.URL) ||
      a.PublishedPort - b.PublishedPort ||
      compare(a.Protocol, b.Protocol),
  );
}

/**
 * `80/tcp, 0.0.0.0:3000-3002->3000-3002/tcp, 0.0.0.0:8080->80/tcp`: neighbours of one address that keep their
 * number are one range; mappings to another number come last.
 */
export function formatPorts(publishers: readonly Publisher[]): string {
  const ranges = new Map<string, Range>();
  const closed: string[] = [];
  const mappings: string[] = [];
  for (const port of publishers) {
    if (port.URL !== '' && port.PublishedPort !== port.TargetPort) {
      const host = `${hostText(port.URL)}:${port.PublishedPort}`;
      mappings.push(`${host}->${port.TargetPort}/${port.Protocol}`);
      continue;
    }
    const key = `${port.URL} ${port.Protocol}`;
    const range = ranges.get(key);
    if (range !== undefined && range.last + 1 === port.TargetPort) {
      range.last = port.TargetPort;
      continue;
    }
    if (range !== undefined) closed.push(formatRange(range));
    ranges.set(key, { port, first: port.TargetPort, last: port.TargetPort });
  }
  return [...closed, ...[...ranges.values()].map(formatRange), ...mappings].join(', ');
}

interface Range {
  readonly port: Publisher;
  readonly first: number;
  last: number;
}

function formatRange({ port, first, last }: Range): string {
  const numbers = first === last ? String(first) : `${first}-${last}`;
  const host = port.URL === '' ? '' : `${hostText(port.URL)}:${numbers}->`;
  return `${host}${numbers}/${port.Protocol}`;
}

function hostText(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
