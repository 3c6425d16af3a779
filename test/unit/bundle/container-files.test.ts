import { describe, expect, test } from '@jest/globals';
import {
  containerResolvConf,
  formatHostname,
  formatHosts,
  formatResolvConf,
  parseResolvConf,
} from '../../../src/bundle/container-files.ts';

const NO_DNS = { dns: [], dnsSearch: [], dnsOptions: [] };

describe('/etc/hosts', () => {
  const LOCAL = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'ff00::0\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    '',
  ].join('\n');
  const INPUT = {
    hostname: 'web',
    domainname: undefined,
    extraHosts: {},
    hostGateway: undefined,
    addresses: [],
  };

  test('begins with the local names', () => {
    expect(formatHosts(INPUT)).toBe(LOCAL);
  });

  test('has extra hosts by name, then the own name at each address', () => {
    const text = formatHosts({
      ...INPUT,
      domainname: 'example.org',
      extraHosts: { z: ['10.0.0.1'], a: ['10.0.0.2', 'fd00::2'], up: ['host-gateway'] },
      hostGateway: '172.18.0.1',
      addresses: ['172.18.0.2', '172.19.0.2'],
    });
    expect(text).toBe(
      `${LOCAL}10.0.0.2\ta\nfd00::2\ta\n172.18.0.1\tup\n10.0.0.1\tz\n` +
        '172.18.0.2\tweb.example.org web\n172.19.0.2\tweb.example.org web\n',
    );
  });

  test('host-gateway without a way to the host is refused', () => {
    const extraHosts = { up: ['host-gateway'] };
    expect(() => formatHosts({ ...INPUT, extraHosts })).toThrow('cannot resolve host-gateway');
  });
});

test('/etc/hostname is one line', () => {
  expect(formatHostname('web')).toBe('web\n');
});

describe('/etc/resolv.conf', () => {
  const HOST = parseResolvConf(
    [
      '# comment',
      'domain old.example',
      'search a.example b.example ; the last counts',
      'nameserver 10.0.0.53',
      'nameserver fd00::53',
      'options edns0 timeout:1',
      'options edns0 rotate',
      'sortlist 10.0.0.0',
    ].join('\n'),
  );

  test('is read as a resolver reads it', () => {
    expect(HOST).toEqual({
      nameservers: ['10.0.0.53', 'fd00::53'],
      search: ['a.example', 'b.example'],
      options: ['edns0', 'timeout:1', 'rotate'],
    });
  });

  test('is written so that it reads the same', () => {
    expect(parseResolvConf(formatResolvConf(HOST))).toEqual(HOST);
  });

  test('on networks it names the embedded server and asks for names as they stand', () => {
    expect(formatResolvConf(containerResolvConf(NO_DNS, HOST, true))).toBe(
      'nameserver 127.0.0.11\nsearch a.example b.example\n' +
        'options edns0 timeout:1 rotate ndots:0\n',
    );
  });

  test('on the host’s network it is the host’s', () => {
    expect(containerResolvConf(NO_DNS, HOST, false)).toEqual(HOST);
  });

  test('the config takes the place of the host’s', () => {
    const config = { dns: ['1.1.1.1'], dnsSearch: ['c.example'], dnsOptions: ['ndots:3'] };
    expect(containerResolvConf(config, HOST, true)).toEqual({
      nameservers: ['127.0.0.11'],
      search: ['c.example'],
      options: ['ndots:3'],
    });
    expect(containerResolvConf(config, HOST, false).nameservers).toEqual(['1.1.1.1']);
  });

  test('a search domain of a dot is none', () => {
    expect(containerResolvConf({ ...NO_DNS, dnsSearch: ['.'] }, HOST, true).search).toEqual([]);
  });
});
