// Bundles each TypeScript process into one file under dist/: one file is what Node starts fastest.
import { build } from 'esbuild';

await build({
  entryPoints: {
    ocup: 'src/cli/main.ts',
    supervisor: 'src/supervisor/main.ts',
    warm: 'src/warm/main.ts',
  },
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  minifySyntax: true,
  legalComments: 'none',
  sourcemap: 'linked',
  banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  define: { 'import.meta.url': 'importMetaUrl' },
  logLevel: 'warning',
});
