// Bundles each TypeScript process into one file under dist/: one file is what Node starts fastest.
import { readFile } from 'node:fs/promises';
import { build } from 'esbuild';

const entryPoints = {
  ocup: 'src/cli/main.ts',
  supervisor: 'src/supervisor/main.ts',
  warm: 'src/warm/main.ts',
};

await build({
  entryPoints,
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  sourcemap: 'linked',
  banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  define: { 'import.meta.url': 'importMetaUrl' },
  logLevel: 'warning',
});

// bin/start.cjs reads the programs as Latin-1; the bundler escapes all other characters, but for those in patterns.
for (const name of Object.keys(entryPoints)) {
  const text = await readFile(`dist/${name}.cjs`, 'utf8');
  const [found] = /.{0,40}[^\x00-\x7f].{0,20}/.exec(text) ?? [];
  if (found !== undefined) throw new Error(`dist/${name}.cjs: write as an escape: ${found}`);
}
