import { isIP } from 'node:net';

/** A published port as the long form has it. */
export interface PortSpec {
  readonly hostIp: string | undefined;
  readonly target: number;
  /** `8080`, or `8000-8010` for the first free one of them. */
  readonly published: string | undefined;
  readonly protocol: string;
}

export type PortSpecs =
  | { readonly kind: 'ports'; readonly ports: readonly PortSpec[] }
  | { readonly kind: 'invalid'; readonly reason: string };

interface Range {
  readonly start: number;
  readonly end: number;
}

const PROTOCOLS = new Set(['tcp', 'udp', 'sctp']);

/**
 * Reads `[[IP:][HOST[-HOST]]:]CONTAINER[-CONTAINER][/PROTOCOL]`. A range of container ports becomes a port
 * each; they come in the order of their text, as docker compose lists them.
 *
 * @see compose-spec 05-services.md#short-syntax-3
 */
export function parsePortSpec(text: string): PortSpecs {
  const [ports = '', protocolText] = text.split('/');
  const protocol =
    protocolText === undefined || protocolText === '' ? 'tcp' : protocolText.toLowerCase();
  const { ip, host, container } = splitFields(ports);
  const hostIp = ip === undefined ? undefined : findAddress(ip);
  if (hostIp === undefined && ip !== undefined) return invalid(`Invalid ip address: ${ip}`);
  if (container === '') return invalid(`No port specified: ${ports}<empty>`);
  const targets = findRange(container);
  if (targets === undefined) return invalid(`Invalid containerPort: ${container}`);
  const published = host === '' ? undefined : findRange(host);
  if (host !== '' && published === undefined) return invalid(`Invalid hostPort: ${host}`);
  if (published !== undefined && !fits(published, targets)) {
    return invalid(
      `Invalid ranges specified for container and host Ports: ${container} and ${host}`,
    );
  }
  if (!PROTOCOLS.has(protocol)) return invalid(`Invalid proto: ${protocolText ?? ''}`);
  return { kind: 'ports', ports: expand({ hostIp, targets, published, protocol }) };
}

/** The range that `80` or `80-90` names; undefined if it is none of ports. */
export function findRange(text: string): Range | undefined {
  const match = /^([0-9]+)(?:-([0-9]+))?$/.exec(text);
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = match[2] === undefined ? start : Number(match[2]);
  return start > end || end > 65535 ? undefined : { start, end };
}

/** The address without the brackets of IPv6; an empty one is any. */
function findAddress(text: string): string | undefined {
  if (text === '') return '';
  const match = /^\[(.+)\]$/.exec(text);
  if (match?.[1] !== undefined) return isIP(match[1]) === 6 ? match[1] : undefined;
  return isIP(text) === 4 ? text : undefined;
}

function splitFields(text: string): { ip: string | undefined; host: string; container: string } {
  const fields = text.split(':');
  const container = fields.pop() ?? '';
  const host = fields.pop() ?? '';
  return { ip: fields.length === 0 ? undefined : fields.join(':'), host, container };
}

/** As many host ports as container ports, or a choice of host ports for one container port. */
function fits(published: Range, targets: Range): boolean {
  if (targets.start === targets.end) return true;
  return published.end - published.start === targets.end - targets.start;
}

function expand({
  hostIp,
  targets,
  published,
  protocol,
}: {
  hostIp: string | undefined;
  targets: Range;
  published: Range | undefined;
  protocol: string;
}): readonly PortSpec[] {
  const ports: PortSpec[] = [];
  const isChoice = targets.start === targets.end;
  for (let i = 0; i <= targets.end - targets.start; i += 1) {
    const first = published === undefined ? undefined : published.start + i;
    const range =
      isChoice && published !== undefined && published.end > published.start
        ? `${published.start}-${published.end}`
        : undefined;
    ports.push({
      hostIp: hostIp === '' ? undefined : hostIp,
      target: targets.start + i,
      published: range ?? first?.toString(),
      protocol,
    });
  }
  return ports.sort((a, b) => compareText(String(a.target), String(b.target)));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function invalid(reason: string): PortSpecs {
  return { kind: 'invalid', reason };
}
