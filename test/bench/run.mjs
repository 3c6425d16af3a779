// Runs benchmarks one after another: `npm run bench [-- NAME …]`. Each prints a table of its own.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const out = join(here, '../../.cache/bench');
const all = readdirSync(here)
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.replace('.bench.ts', ''));
const chosen = process.argv.length > 2 ? process.argv.slice(2) : all;

for (const name of chosen) {
  if (!all.includes(name)) {
    console.error(`no benchmark ${name}: there are ${all.join(', ')}`);
    process.exit(1);
  }
}

await build({
  entryPoints: chosen.map((name) => join(here, `${name}.bench.ts`)),
  outdir: out,
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  outExtension: { '.js': '.mjs' },
  define: { 'import.meta.dirname': JSON.stringify(join(here, '../support')) },
  logLevel: 'warning',
});

let failed = 0;
for (const name of chosen) {
  const { status } = spawnSync(process.execPath, [join(out, `${name}.bench.mjs`)], {
    stdio: 'inherit',
  });
  if (status !== 0) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
