// Pulls one image and ends: a process that tests kill. Arguments: data folder, name of the image.
import { openImages } from '../../src/image/images.ts';
import { parseImageSource } from '../../src/model/reference.ts';

const [dataDir = '', name = ''] = process.argv.slice(2);
const images = await openImages({ dataDir, users: () => [], env: {} });
process.stdout.write('open\n');
await images.pull({
  source: parseImageSource(name),
  policy: 'always',
  signal: new AbortController().signal,
});
await images.close();
