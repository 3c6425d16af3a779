import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { OcupHome } from '../../support/ocup.ts';
import { TerminalRun } from '../../support/terminal-run.ts';

const OCUP = resolve(import.meta.dirname, '../../../bin/ocup');
const COMPOSE = `
name: terminal
services:
  web:
    image: "rootfs:/"
    command: ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done"]
`;

describe('on a terminal', () => {
  const home = new OcupHome();
  let folder = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ocup-terminal-'));
    writeFileSync(join(folder, 'compose.yaml'), COMPOSE);
  });

  afterAll(async () => {
    await home.run(['down'], { cwd: folder });
    rmSync(folder, { recursive: true });
    await home.close();
  });

  const open = (line: string) => new TerminalRun(line, { cwd: folder, env: home.env });

  test('up shows a picture, then the output in colour; Ctrl-C stops in order and leaves with 130', async () => {
    const run = open(`${OCUP} up`);
    await run.shows('ready');
    expect(run.output).toContain('[+] up');
    expect(run.output).toContain('\u001b[36mweb-1  | \u001b[0mready');
    run.type('\u0003');
    expect(await run.ended).toBe(130);
    expect(run.output).toContain('Gracefully Stopping...');
    expect(run.output).toContain('bye');
    const { stdout } = await home.succeed(['ps', '-a', '--format', '{{.State}}'], { cwd: folder });
    expect(stdout).toBe('exited\n');
  });

  test('exec gives a terminal of our size, keys go through, and its exit code is ours', async () => {
    await home.succeed(['up', '-d'], { cwd: folder });
    const run = open(`stty rows 31 cols 97; ${OCUP} exec web sh`);
    await run.shows('# ');
    run.type('stty size\n');
    await run.shows('31 97');
    // Raw: Ctrl-C interrupts what runs inside, not us. A terminal throws away what is typed before it.
    run.type('cat; echo over\n');
    run.type('echoed\n');
    await eventually(() => run.output.split('echoed').length === 3, 20_000, 'cat to answer');
    run.type('\u0003');
    await eventually(() => run.output.split('# ').length >= 4, 20_000, 'the next prompt');
    run.type('exit 7\n');
    expect(await run.ended).toBe(7);
  });

  test('run attaches before the first byte, and --rm leaves nothing', async () => {
    const run = open(`${OCUP} run --rm web sh -c 'echo first; tty; exit 4'`);
    expect(await run.ended).toBe(4);
    expect(run.output).toContain('first');
    expect(run.output).toContain('/dev/pts/');
    const { stdout } = await home.succeed(['ps', '-a', '-q'], { cwd: folder });
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  test.each(['', 'OCUP_COLD=1 '])(
    'what a container writes to its terminal reaches ours as it is, and ours is as before then: %s',
    async (prefix) => {
      await home.succeed(['up', '-d'], { cwd: folder });
      // Down without going back to the left, as editors move: nobody but the container's terminal may add to it.
      const draw = `stty -onlcr; printf 'a\\nb'; stty onlcr; echo`;
      const line = `${prefix}${OCUP} exec web sh -c "${draw}"; ${OCUP} exec web nosuch; stty -a`;
      const run = open(line);
      await run.ended;
      expect(run.output).toContain('a\nb\r\n');
      expect(run.output).toMatch(/not found in \$PATH\r\n/);
      expect(run.output).toMatch(/\sopost.* icanon/s);
    },
  );
});
