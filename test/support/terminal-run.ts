import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { eventually } from './eventually.ts';

/** A program behind a terminal of its own, by script(1). */
export class TerminalRun {
  output = '';
  readonly ended: Promise<number>;
  private readonly child: ChildProcessWithoutNullStreams;

  constructor(line: string, options: { cwd: string; env: Record<string, string> }) {
    const env = { ...process.env, NODE_OPTIONS: '', TERM: 'xterm', ...options.env };
    this.child = spawn('script', ['-qfec', line, '/dev/null'], { cwd: options.cwd, env });
    this.child.stdout.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.ended = new Promise((done) => this.child.once('close', (code) => done(code ?? -1)));
  }

  /** `script` stops itself with what it runs, and goes on with it. */
  continue(): void {
    this.child.kill('SIGCONT');
  }

  type(text: string): void {
    this.child.stdin.write(text);
  }

  async shows(text: string): Promise<void> {
    await eventually(() => this.output.includes(text), 20_000, `${text} in ${this.output}`);
  }
}
