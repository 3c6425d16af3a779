import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OcupHome, runProgram, type RunResult } from '../../support/ocup.ts';

const JOURNALD = '/lib/systemd/systemd-journald';
const obstacle = existsSync(JOURNALD) ? undefined : `${JOURNALD} is missing`;
const suite = obstacle === undefined ? describe : describe.skip;

const COMPOSE = `
name: journal
services:
  web:
    image: "rootfs:/"
    command: ["sh", "-c", 'echo plain; printf "a\\\\001b\\\\n"; echo wrong >&2; head -c 20000 /dev/zero | tr "\\\\0" x']
    environment: { STAGE: test }
    labels: { com.example.team: red }
    logging: { driver: journald, options: { tag: "{{.Name}}/{{.ImageName}}", labels: com.example.team, env: "STAGE,NONE" } }
  quiet:
    image: "rootfs:/"
    command: echo not there
`;

/** A journal of its own, in a mount namespace where /run is new. */
const SCRIPT = `
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log
${JOURNALD} > /dev/null 2>&1 &
journald=$!
trap 'kill $journald' EXIT
until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
"$1" up > up.log 2>&1
"$1" logs --no-log-prefix web | cut -c 1-20
for try in $(seq 100); do
  journalctl -D /run/log/journal -o json --output-fields=MESSAGE CONTAINER_NAME=journal-web-1 > entries 2> /dev/null || true
  [ "$(wc -l < entries)" -ge 5 ] && break
  sleep 0.1
done
journalctl -D /run/log/journal -o json --all CONTAINER_NAME=journal-web-1 > entries
journalctl -D /run/log/journal -o cat CONTAINER_NAME=journal-quiet-1 > quiet 2> /dev/null || true
"$1" down
`;

suite(`the logging driver journald (${obstacle ?? 'with a journal of its own'})`, () => {
  const home = new OcupHome();
  let project = '';
  let result: RunResult;
  let entries: Record<string, unknown>[] = [];
  const read = (name: string) => runProgram('/bin/cat', [join(project, name)]);

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-journal-'));
    await writeFile(join(project, 'compose.yaml'), COMPOSE);
    const ocup = resolve(import.meta.dirname, '../../../bin/ocup');
    const args = ['--mount', '--propagation', 'private', 'sh', '-c', SCRIPT, 'journal', ocup];
    result = await runProgram('unshare', args, { cwd: project, env: home.env });
    entries = (await read('entries')).stdout
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  });

  afterAll(async () => {
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  test('gives the journal what the log gets, line by line', async () => {
    expect({ ...result, up: (await read('up.log')).stdout }).toMatchObject({ code: 0 });
    const of = (priority: string) => entries.filter(({ PRIORITY }) => PRIORITY === priority);
    expect(of('3').map(({ MESSAGE }) => MESSAGE)).toEqual(['wrong']);
    expect(of('6').map((entry) => [entry['MESSAGE'], entry['CONTAINER_PARTIAL_MESSAGE']])).toEqual([
      ['plain', undefined],
      [[97, 1, 98], undefined],
      ['x'.repeat(16 * 1024), 'true'],
      ['x'.repeat(20_000 - 16 * 1024), undefined],
    ]);
  });

  test('names the container as docker does', () => {
    const [entry] = entries;
    expect(entry).toMatchObject({
      CONTAINER_NAME: 'journal-web-1',
      CONTAINER_ID: expect.stringMatching(/^[0-9a-f]{12}$/),
      CONTAINER_ID_FULL: expect.stringMatching(/^[0-9a-f]{64}$/),
      CONTAINER_TAG: 'journal-web-1/rootfs:/',
      SYSLOG_IDENTIFIER: 'journal-web-1/rootfs:/',
      IMAGE_NAME: 'rootfs:/',
      COM_EXAMPLE_TEAM: 'red',
      STAGE: 'test',
    });
  });

  test('keeps its own log, and other services out of the journal', async () => {
    const lines = result.stdout.split('\n');
    expect(lines.filter((line) => line !== 'wrong').slice(0, 2)).toEqual(['plain', 'a\u0001b']);
    expect(lines).toContain('wrong');
    expect((await read('quiet')).stdout).toBe('');
  });

  const hasJournal = existsSync('/run/systemd/journal/socket');
  (hasJournal ? test.skip : test)('says where there is no journal', async () => {
    const { stderr } = await home.succeed(['up', '-d', 'web'], { cwd: project });
    expect(stderr).toContain('this machine has no journal: the output of "web" is kept');
    await home.succeed(['down'], { cwd: project });
  });
});
