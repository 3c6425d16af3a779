import {
  type Answer,
  type Packet,
  type Question,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
  decode,
  encode,
} from 'dns-packet';

import { type Address, formatAddress } from './addresses.ts';

/** @see RFC 1035 4.1.1 */
export const RCODE = { ok: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4 };

/** Seconds that an answer of ours may be kept: containers come and go. */
const TTL_SECONDS = 5;
const MIN_UDP_BYTES = 512;
const OUR_UDP_BYTES = 1232;
const HEADER_BYTES = 12;
const OPCODE_MASK = 0x7800;
const MAX_LABEL_BYTES = 63;
/** Type and class. */
const QUESTION_TAIL_BYTES = 4;

/** A question that was asked. */
export interface DnsQuery {
  readonly id: number;
  readonly flags: number;
  readonly question: Question;
  /** How much the asker takes by UDP. */
  readonly maxUdpBytes: number;
  readonly hasOptions: boolean;
}

/** What is answered to a question. */
export interface DnsAnswer {
  readonly rcode: number;
  readonly records: readonly Answer[];
}

/** The query in `bytes`, or how to refuse it; undefined for what deserves no answer. */
export function parseQuery(bytes: Buffer): DnsQuery | { readonly refusal: Buffer } | undefined {
  if (bytes.length < HEADER_BYTES || (bytes.readUInt16BE(2) & 0x8000) !== 0) return undefined;
  let packet: Packet;
  try {
    packet = decode(bytes);
  } catch {
    return { refusal: refuse(bytes, RCODE.formatError) };
  }
  if ((bytes.readUInt16BE(2) & OPCODE_MASK) !== 0) {
    return { refusal: refuse(bytes, RCODE.notImplemented) };
  }
  const [question, ...others] = packet.questions ?? [];
  if (question === undefined || others.length > 0) {
    return { refusal: refuse(bytes, RCODE.formatError) };
  }
  const options = packet.additionals?.find((record) => record.type === 'OPT');
  return {
    id: packet.id ?? 0,
    flags: packet.flags ?? 0,
    question,
    maxUdpBytes: Math.max(options?.udpPayloadSize ?? 0, MIN_UDP_BYTES),
    hasOptions: options !== undefined,
  };
}

/** The bytes of an answer; one that is too long for UDP is cut and marked, so that the asker comes by TCP. */
export function formatAnswer(query: DnsQuery, answer: DnsAnswer, transport: 'udp' | 'tcp'): Buffer {
  const flags = (query.flags & RECURSION_DESIRED) | RECURSION_AVAILABLE | answer.rcode;
  const packet: Packet = {
    type: 'response',
    id: query.id,
    flags,
    questions: [query.question],
    answers: [...answer.records],
    additionals: query.hasOptions ? [optionsRecord()] : [],
  };
  const bytes = encode(packet);
  if (transport === 'tcp' || bytes.length <= query.maxUdpBytes) return bytes;
  return encode({ ...packet, flags: flags | TRUNCATED_RESPONSE, answers: [] });
}

/** A record of an address. */
export function addressRecord(name: string, address: Address): Answer {
  const type = address.family === 4 ? 'A' : 'AAAA';
  return { type, name, ttl: TTL_SECONDS, class: 'IN', data: formatAddress(address) };
}

/** A record of a name for an address that was asked for backwards. */
export function pointerRecord(name: string, target: string): Answer {
  return { type: 'PTR', name, ttl: TTL_SECONDS, class: 'IN', data: target };
}

/** An answer to the message `query` that only says that it failed, with the question where there is one. */
export function refuse(query: Buffer, rcode: number): Buffer {
  const end = findQuestionEnd(query);
  const bytes = Buffer.alloc(end ?? HEADER_BYTES);
  query.copy(bytes, 0, 0, bytes.length);
  const flags = (query.readUInt16BE(2) & (OPCODE_MASK | RECURSION_DESIRED)) | 0x8000 | rcode;
  bytes.writeUInt16BE(flags | RECURSION_AVAILABLE, 2);
  bytes.fill(0, 4, HEADER_BYTES);
  bytes.writeUInt16BE(end === undefined ? 0 : 1, 4);
  return bytes;
}

/** Where the only question of a message ends; undefined when it has none, several or a broken one. */
function findQuestionEnd(query: Buffer): number | undefined {
  if (query.readUInt16BE(4) !== 1) return undefined;
  let at = HEADER_BYTES;
  for (let length = query[at]; length !== 0; length = query[at]) {
    if (length === undefined || length > MAX_LABEL_BYTES) return undefined;
    at += 1 + length;
  }
  const end = at + 1 + QUESTION_TAIL_BYTES;
  return end <= query.length ? end : undefined;
}

function optionsRecord(): Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: OUR_UDP_BYTES,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}
