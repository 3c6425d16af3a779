import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';

import { delay } from '../base/abort.ts';
import { findErrno } from '../base/errors.ts';
import {
  type AddressBytes,
  type VethRequest,
  LINK_ATTRIBUTE,
  MAIN_TABLE,
  ROUTE_ATTRIBUTE,
  addAddress,
  addBridge,
  addDefaultRoute,
  addVeth,
  deleteLink,
  deleteLinkGroup,
  getLink,
  listLinks,
  listRoutes,
  removeAddress,
  setLinkGroup,
  setUpBridge,
  setUpBridgePort,
  setUpLink,
} from './link-messages.ts';
import {
  type Message,
  type Reply,
  NETLINK,
  NetlinkSocket,
  decodeAttributes,
  decodeText,
} from './netlink.ts';
import { readU32 } from './netlink.ts';

/** A network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Whatever its maker wrote on it; undefined where nothing was. */
  readonly alias: string | undefined;
  /** `IF_OPER_UP`: frames pass. */
  readonly isOperational: boolean;
}

/** A route of the main table; the default route has prefix length 0. */
export interface Route {
  readonly destination: AddressBytes;
  readonly linkIndex: number | undefined;
}

export interface BridgeRequest {
  readonly name: string;
  readonly alias: string;
  readonly mac: Buffer;
  readonly mtu: number | undefined;
  /** The first is IPv4. */
  readonly addresses: readonly AddressBytes[];
}

export interface ContainerLink {
  readonly name: string;
  readonly addresses: readonly AddressBytes[];
  /** Gateways of default routes. */
  readonly gateways: readonly Buffer[];
}

const LOOPBACK_INDEX = 1;
const OPERSTATE_UP = 6;
const LINK_HEADER_BYTES = 16;
const ROUTE_HEADER_BYTES = 12;

/**
 * The links, addresses and routes of one network namespace. All methods throw errors with the kernel's
 * `code`.
 *
 * @see man 7 rtnetlink
 */
export class Links implements Disposable {
  private readonly socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.socket = socket;
  }

  /** Those of the network namespace of `pid`; undefined: this process's own. */
  static async open(pid?: number): Promise<Links> {
    return new Links(await NetlinkSocket.open(NETLINK.route, pid));
  }

  async list(): Promise<readonly Link[]> {
    return (await this.socket.request([listLinks()])).map(parseLink);
  }

  async find(name: string): Promise<Link | undefined> {
    try {
      const [reply] = await this.socket.request([getLink(name)]);
      return reply === undefined ? undefined : parseLink(reply);
    } catch (error) {
      if (findErrno(error) === 'ENODEV') return undefined;
      throw error;
    }
  }

  /** IPv4 routes of the main table. */
  async listRoutes(): Promise<readonly Route[]> {
    return (await this.socket.request([listRoutes(4)])).flatMap(parseRoute);
  }

  /** Makes a bridge with its addresses, up. Nothing is left when it fails. @throws `EEXIST` */
  async addBridge(request: BridgeRequest): Promise<Link> {
    await this.socket.request([addBridge(request.name, request.mac, request.mtu)]);
    try {
      const link = await this.get(request.name);
      const hasIpv6 = request.addresses.some((address) => address.bytes.length === 16);
      await this.socket.request([
        setUpBridge(request.name, request.alias, hasIpv6 || !hostHasIpv6()),
        ...request.addresses.map((address) => addAddress(link.index, address)),
      ]);
      return link;
    } catch (error) {
      await this.remove(request.name);
      throw error;
    }
  }

  /** Makes a pair of links: one end a port of a bridge here, up; the other in the namespace of a process. */
  async addVeth(request: VethRequest, alias: string): Promise<void> {
    const port = setUpBridgePort(request.name, alias, hostHasIpv6());
    await this.socket.request([addVeth(request), port]);
  }

  /** Gives a link its addresses and routes and brings it up. */
  async setUp(link: ContainerLink): Promise<void> {
    const { index } = await this.get(link.name);
    const hasIpv6 = link.addresses.some((address) => address.bytes.length === 16);
    const messages: Message[] = [setUpLink(index, hasIpv6 || !hostHasIpv6())];
    messages.push(...link.addresses.map((address) => addAddress(index, address)));
    messages.push(...link.gateways.map((gateway) => addDefaultRoute(index, gateway)));
    await this.socket.request(messages);
  }

  async setUpLoopback(): Promise<void> {
    await this.socket.request([setUpLink(LOOPBACK_INDEX, true)]);
  }

  /** Takes addresses from a link, and with them the routes to their networks. What is not there counts as taken. */
  async removeAddresses(name: string, addresses: readonly AddressBytes[]): Promise<void> {
    const link = await this.find(name);
    if (link === undefined) return;
    for (const address of addresses) {
      try {
        await this.requestIfThere([removeAddress(link.index, address)]);
      } catch (error) {
        if (findErrno(error) !== 'EADDRNOTAVAIL') throw error;
      }
    }
  }

  /** Removes a link; one that is not there counts as removed. */
  async remove(name: string): Promise<void> {
    await this.requestIfThere([deleteLink(name)]);
  }

  /**
   * Removes links together; those that are not there count as removed. The kernel waits for packets that are
   * on their way, some ten milliseconds, and does so but once for a group.
   */
  async removeAll(names: readonly string[]): Promise<void> {
    const [only, ...others] = names;
    if (only === undefined) return;
    if (others.length === 0) {
      await this.remove(only);
      return;
    }
    const group = randomInt(2 ** 30, 2 ** 31);
    await this.requestIfThere(names.map((name) => setLinkGroup(name, group)));
    await this.requestIfThere([deleteLinkGroup(group)]);
  }

  /**
   * Resolves once frames pass through the link. Before, the first packets could be lost: a second's stall
   * for whoever connects at once.
   *
   * @throws an error with code `ETIMEDOUT` after `timeoutMs`
   */
  async waitOperational(name: string, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await this.get(name)).isOperational) {
      if (performance.now() > deadline) {
        throw Object.assign(new Error(`link ${name} did not come up`), { code: 'ETIMEDOUT' });
      }
      await delay(1);
    }
  }

  /** May be called again. */
  close(): void {
    this.socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private async requestIfThere(messages: readonly Message[]): Promise<void> {
    try {
      await this.socket.request(messages);
    } catch (error) {
      if (findErrno(error) !== 'ENODEV') throw error;
    }
  }

  private async get(name: string): Promise<Link> {
    const found = await this.find(name);
    if (found !== undefined) return found;
    throw Object.assign(new Error(`link ${name} is gone`), { code: 'ENODEV' });
  }
}

function parseLink(reply: Reply): Link {
  const attributes = decodeAttributes(reply.body.subarray(LINK_HEADER_BYTES));
  const alias = attributes.get(LINK_ATTRIBUTE.alias);
  return {
    index: readU32(reply.body, 4),
    name: decodeText(attributes.get(LINK_ATTRIBUTE.name) ?? Buffer.alloc(0)),
    alias: alias === undefined ? undefined : decodeText(alias),
    isOperational: attributes.get(LINK_ATTRIBUTE.operState)?.[0] === OPERSTATE_UP,
  };
}

function parseRoute(reply: Reply): readonly Route[] {
  const attributes = decodeAttributes(reply.body.subarray(ROUTE_HEADER_BYTES));
  const table = attributes.get(ROUTE_ATTRIBUTE.table);
  if (table === undefined || readU32(table, 0) !== MAIN_TABLE) return [];
  const outLink = attributes.get(ROUTE_ATTRIBUTE.outLink);
  return [
    {
      destination: {
        bytes: attributes.get(ROUTE_ATTRIBUTE.destination) ?? Buffer.alloc(4),
        prefixLength: reply.body[1] ?? 0,
      },
      linkIndex: outLink === undefined ? undefined : readU32(outLink, 0),
    },
  ];
}

/** Without IPv6 the kernel refuses its settings. */
function hostHasIpv6(): boolean {
  return existsSync('/proc/net/if_inet6');
}
