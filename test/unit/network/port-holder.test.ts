import { describe, expect, test } from '@jest/globals';

import { listenerInodes } from '../../../src/network/port-holder.ts';

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0
   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0
   2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0
`;
const UDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
 1234: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 99 2 0 0
`;

describe('listenerInodes', () => {
  test('finds listeners of the port, not connections', () => {
    expect(listenerInodes(TCP, 'tcp', 8080)).toEqual(['4711']);
    expect(listenerInodes(TCP, 'tcp', 80)).toEqual(['4713']);
    expect(listenerInodes(TCP, 'tcp', 81)).toEqual([]);
  });

  test('finds bound UDP sockets', () => {
    expect(listenerInodes(UDP, 'udp', 53)).toEqual(['99']);
  });
});
