import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OcupHome } from '../support/ocup.ts';
import { TerminalRun } from '../support/terminal-run.ts';

const OCUP = resolve(import.meta.dirname, '../../bin/ocup');
const COMPOSE = `
name: menu
services:
  web:
    image: "rootfs:/"
    init: true
    command: ["sh", "-c", "echo ready; sleep 100000"]
`;
const WATCHED = `
    develop:
      watch: [{ action: sync, path: ./site, target: /tmp/site }]
`;

const home = new OcupHome();
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ocup-menu-'));
});

afterAll(async () => {
  await home.run(['down', '-t', '0'], { cwd: folder });
  rmSync(folder, { recursive: true });
  await home.close();
});

/** The line of keys of a terminal of ten lines; what follows \`line\` tells how the terminal was left. */
function open(line: string, env: Readonly<Record<string, string>> = {}): TerminalRun {
  const shell = `stty rows 10 cols 60; ${line}; code=$?; stty -a; exit $code`;
  return new TerminalRun(shell, { cwd: folder, env: { ...home.env, ...env } });
}

describe.each([
  ['in a Node.js of its own', { OCUP_COLD: '1' }],
  ['beside the supervisor', {}],
])('the menu of an attached up, %s', (_, env) => {
  test('names its keys in the last line, says what a key cannot do, and detaches', async () => {
    writeFileSync(join(folder, 'compose.yaml'), COMPOSE);
    const run = open(`${OCUP} up --menu`, env);
    await run.shows('ready');
    await run.shows('\u001b[10;1H');
    await run.shows('w Enable Watch   d Detach');
    run.type('w');
    await run.shows('d Detach   none of the selected servic');
    run.type('d');
    expect(await run.ended).toBe(0);
    expect(run.output).toContain('Detached: the containers run on');
    expect(run.output).toMatch(/\bisig icanon iexten echo /);
    const { stdout } = await home.succeed(['ps', '--format', '{{.State}}'], { cwd: folder });
    expect(stdout).toBe('running\n');
  });

  test('turns the watch on and off, and hears Ctrl-C', async () => {
    writeFileSync(join(folder, 'compose.yaml'), `${COMPOSE}${WATCHED}`);
    const run = open(`${OCUP} up -t 1`, { ...env, COMPOSE_MENU: 'true' });
    await run.shows('w Enable Watch');
    run.type('w');
    await run.shows('Watch enabled');
    await run.shows('w Disable Watch');
    run.type('W');
    await run.shows('Watch disabled');
    run.type('\u0003');
    expect(await run.ended).toBe(130);
    expect(run.output).toContain('Gracefully Stopping');
    expect(run.output).toMatch(/\bisig icanon iexten echo /);
    const { stdout } = await home.succeed(['ps', '-a', '--format', '{{.State}}'], { cwd: folder });
    expect(stdout).toBe('exited\n');
  });
});

test('without a terminal, or where it is not asked for, there is none', async () => {
  writeFileSync(join(folder, 'compose.yaml'), COMPOSE.replace('; sleep 100000', ''));
  const piped = await home.succeed(['up', '--menu'], { cwd: folder });
  expect(piped.stdout).not.toContain('Detach');
  const run = open(`${OCUP} up --no-menu`, { COMPOSE_MENU: '1' });
  await run.ended;
  expect(run.output).toContain('ready');
  expect(run.output).not.toContain('Detach');
});
