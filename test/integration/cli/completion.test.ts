import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runProgram } from '../../support/ocup.ts';

const BIN = resolve(import.meta.dirname, '../../../bin');

const COMPOSE = `
services:
  web: { image: "rootfs:/" }
  worker: { image: "rootfs:/", profiles: [background] }
  db: { image: "rootfs:/" }
`;

/** Asks a real shell what it would offer for a line that ends where the cursor is. */
interface Shell {
  readonly name: string;
  readonly path: string;
  readonly ask: (line: string, expected: string) => readonly string[];
}

const SHELLS: readonly Shell[] = [
  {
    name: 'bash',
    path: '/bin/bash',
    ask: (line) => [
      '-c',
      `source <(ocup completion bash)
       complete -p ocup >/dev/null || exit 1
       COMP_LINE=$1 COMP_POINT=\${#1}
       _ocup
       printf '%s\\n' "\${COMPREPLY[@]}"`,
      'bash',
      line,
    ],
  },
  {
    name: 'zsh',
    path: '/usr/bin/zsh',
    // The line is typed into an interactive shell with its completion system, which types the rest: until then
    // it is waited for, since keys that come too early break a completion off.
    ask: (line, expected) => [
      '-fc',
      `zmodload zsh/zpty
       zpty shell 'PS1= zsh -f -i'
       zpty -w shell 'stty -echo; unsetopt beep; LISTMAX=0; COLUMNS=200; autoload -Uz compinit; compinit -u -D; zstyle ":completion:*" verbose no; source <(ocup completion zsh); print re""ady'
       while zpty -r shell text '*ready*'; do break; done
       zpty -w -n shell "$1"$'\\t'
       zpty -r shell text "*$2*" && print -r -- "$text"`,
      'zsh',
      line,
      expected,
    ],
  },
  {
    name: 'fish',
    path: '/usr/bin/fish',
    ask: (line) => ['-N', '-c', 'ocup completion fish | source; complete -C "$argv[1]"', line],
  },
];

describe.each(SHELLS)('completion in $name', ({ path, ask }) => {
  let project = '';

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-completion-'));
    await writeFile(join(project, 'compose.yaml'), COMPOSE);
    await writeFile(join(project, 'notes.txt'), '');
  });

  afterAll(async () => {
    await rm(project, { recursive: true, force: true });
  });

  async function offered(line: string, expected: string): Promise<readonly string[]> {
    const env = { PATH: `${BIN}:${process.env['PATH'] ?? ''}`, HOME: project, TERM: 'dumb' };
    const { stdout } = await runProgram(path, ask(line, expected), { cwd: project, env });
    const plain = stdout.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]|\r/g, '');
    return plain.split(/\s+/);
  }

  const inShell = existsSync(path) ? test : test.skip;
  const where = existsSync(path) ? '' : `: ${path} is missing`;

  inShell(`offers commands${where}`, async () => {
    const words = await offered('ocup unp', 'unpause');
    expect(words).toContain('unpause');
    expect(words).not.toContain('up');
  });

  inShell(`offers services, those of profiles among them${where}`, async () => {
    const words = await offered('ocup logs wo', 'worker');
    expect(words).toContain('worker');
    expect(words).not.toContain('db');
  });

  inShell(`offers flags${where}`, async () => {
    expect(await offered('ocup up --no-l', '--no-log-prefix')).toContain('--no-log-prefix');
  });

  inShell(`offers values of a flag${where}`, async () => {
    expect(await offered('ocup --progress pl', 'plain')).toContain('plain');
  });

  inShell(`offers paths where one may come${where}`, async () => {
    expect((await offered('ocup -f no', 'notes.txt')).join(' ')).toContain('notes.txt');
  });
});
