import { OcupError } from '../../base/errors.ts';
import type { Result } from '../../wire/protocol.ts';
import { type CommandDefinition, option } from '../command.ts';
import { absoluteImage } from '../image-path.ts';

export const imageVerifyCommand: CommandDefinition = {
  name: 'image verify',
  usage: '[IMAGE...]',
  summary: 'Hash everything anew, and fetch again what is damaged',
  options: [
    option('--no-repair', 'only say what is damaged'),
    option('--format <format>', 'text (default) or json'),
    option('-q, --quiet', 'print nothing but what is damaged'),
  ],
  examples: [
    ['ocup image verify', 'all images that are here'],
    ['ocup image verify --no-repair nginx', 'one image; ends with 1 when it is damaged'],
  ],
  async run(session, { args, options }) {
    const format = options.choice('format', ['text', 'json']) ?? 'text';
    const client = await session.supervisor();
    const images = args.map((name) => absoluteImage(name, session.context.workingDir));
    const view = session.openView('verify', { isQuiet: options.flag('quiet') });
    const id = 'Images';
    try {
      const report = await client.call(
        'image.verify',
        { images, repairs: !options.flag('no-repair'), environment: client.environment },
        {
          signal: session.signal,
          onEvent: ({ digest }) =>
            view.show({ id, status: 'working', text: 'Verifying', details: digest.slice(0, 19) }),
        },
      );
      const { findings } = report;
      view.show({ id, status: 'done', text: 'Verified' });
      view.end();
      const kept = findings.filter(({ outcome }) => outcome === 'kept');
      if (format === 'json') await session.print(`${JSON.stringify(report, undefined, 2)}\n`);
      else {
        for (const { kind, digest, image, fault, outcome, obstacle } of findings) {
          const of = image === undefined ? '' : ` of ${image}`;
          const why = obstacle === undefined ? '' : ` (${obstacle})`;
          const word = outcome === 'kept' ? 'damaged' : outcome;
          await session.print(`${word.padEnd(8)}  ${kind} ${digest}${of}: ${fault}${why}\n`);
        }
        if (!options.flag('quiet')) await session.print(summaryOf(report, kept.length));
      }
      if (kept.length === 0) return 0;
      const parts =
        kept.length === 1 ? 'one part of images is' : `${kept.length} parts of images are`;
      throw new OcupError('E_IMAGE_STORE', `${parts} damaged`, {
        hint: options.flag('no-repair')
          ? 'Fetch them again: ocup image verify'
          : 'Do away with what is in brackets and verify again, or remove these images.',
      });
    } finally {
      view.end();
    }
  },
};

function summaryOf({ checked, findings }: Result<'image.verify'>, keptCount: number): string {
  const count = (number: number, word: string): string =>
    `${number} ${word}${number === 1 ? '' : 's'}`;
  const { documents, blobs, snapshots } = checked;
  const all = [count(documents, 'document'), count(blobs, 'blob'), count(snapshots, 'snapshot')];
  const mended = findings.length - keptCount;
  const parts = [
    ...(mended > 0 ? [`${mended} repaired or removed`] : []),
    ...(keptCount > 0 ? [`${keptCount} damaged`] : []),
  ];
  return `Verified ${all.join(', ')}: ${parts.length === 0 ? 'all is well' : parts.join(', ')}\n`;
}
