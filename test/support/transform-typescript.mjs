// Lets the test runner read TypeScript: one file at a time, types taken away by the bundler ocup is built with.
import { createHash } from 'node:crypto';
import { transformSync } from 'esbuild';

export default {
  process(source, path) {
    return transformSync(source, {
      loader: 'ts',
      format: 'esm',
      target: 'node20',
      sourcemap: 'inline',
      sourcefile: path,
    });
  },
  getCacheKey(source, path) {
    return createHash('sha256').update(`esbuild\0${path}\0${source}`).digest('hex');
  },
};
