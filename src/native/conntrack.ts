import { findErrno } from '../base/errors.ts';
import {
  type Message,
  type Reply,
  FLAG,
  NETLINK,
  NetlinkSocket,
  attribute,
  decodeAttributes,
  nested,
  u32,
  u8,
} from './netlink.ts';

// Numbers of linux/netfilter/nfnetlink_conntrack.h.
const GET = 0x101;
const DELETE = 0x102;
const ORIGINAL_TUPLE = 1;
const FILTER = 25;
const FILTER_ORIGINAL = 1;
const FILTER_PROTOCOL = 1 << 3;
const TUPLE_PROTOCOL = 2;
const PROTOCOL_NUMBER = 1;
const PROTOCOL_TO_PORT = 3;
const UDP = 17;
const AF_INET = 2;
const HEADER_BYTES = 4;

/**
 * Has the kernel forget the IPv4 UDP flows that were sent to one of `ports`, in this process's network
 * namespace. A sender that goes on would otherwise be held to where the port led when it began, for as long as
 * it goes on.
 *
 * @throws the kernel's error, as where connection tracking cannot be listed
 * @see linux/netfilter/nfnetlink_conntrack.h
 */
export async function forgetUdpFlows(ports: ReadonlySet<number>): Promise<void> {
  using socket = await NetlinkSocket.open(NETLINK.netfilter);
  const flows = await socket.request([listUdpFlows()]);
  for (const flow of flows) {
    const tuple = findTupleTo(flow, ports);
    if (tuple === undefined) continue;
    try {
      await socket.request([deleteFlow(tuple)]);
    } catch (error) {
      // It ended by itself.
      if (findErrno(error) !== 'ENOENT') throw error;
    }
  }
}

/** Kernels before 5.8 ignore the filter and list all flows. */
function listUdpFlows(): Message {
  return {
    type: GET,
    flags: FLAG.dump,
    body: Buffer.concat([
      header(),
      nested(FILTER, attribute(FILTER_ORIGINAL, u32(FILTER_PROTOCOL))),
      nested(ORIGINAL_TUPLE, nested(TUPLE_PROTOCOL, attribute(PROTOCOL_NUMBER, u8(UDP)))),
    ]),
  };
}

function deleteFlow(tuple: Buffer): Message {
  const body = Buffer.concat([header(), attribute(ORIGINAL_TUPLE, tuple)]);
  return { type: DELETE, flags: 0, body };
}

function findTupleTo(flow: Reply, ports: ReadonlySet<number>): Buffer | undefined {
  const tuple = decodeAttributes(flow.body.subarray(HEADER_BYTES)).get(ORIGINAL_TUPLE);
  const protocol = decodeAttributes(tuple ?? Buffer.alloc(0)).get(TUPLE_PROTOCOL);
  const fields = decodeAttributes(protocol ?? Buffer.alloc(0));
  const port = fields.get(PROTOCOL_TO_PORT);
  const isMatch =
    fields.get(PROTOCOL_NUMBER)?.[0] === UDP &&
    port !== undefined &&
    ports.has(port.readUInt16BE(0));
  return isMatch ? tuple : undefined;
}

function header(): Buffer {
  return Buffer.from([AF_INET, 0, 0, 0]);
}
