import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { OcupError } from '../../../src/base/errors.ts';
import { runPullList } from '../../../src/cli/progress/pull-list.ts';
import type { Screen } from '../../../src/cli/progress/open-view.ts';

/** A screen that keeps what is drawn, without the codes that move the cursor. */
function openScreen(): { screen: Screen; text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer | string, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  const terminal = { size: () => ({ rows: 24, columns: 80 }) } as unknown as Screen['terminal'];
  const text = (): string => chunks.join('').replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '');
  return { screen: { stream, terminal, isColored: false }, text };
}

describe('the list of pulls', () => {
  test('a pull that fails stays as a row, stops no other, and its error is given', async () => {
    const { screen, text } = openScreen();
    const { pulled, failures } = await runPullList(
      [
        {
          image: 'gone:1',
          run: () => Promise.reject(new OcupError('E_IMAGE_NOT_FOUND', 'manifest unknown')),
        },
        {
          image: 'here:1',
          run: (view) => {
            const id = 'Image here:1';
            view.show({
              id: 'layer',
              parentId: id,
              status: 'working',
              text: 'Downloading',
              current: 10e6,
              total: 40e6,
            });
            view.show({ id, status: 'done', text: 'Pulled' });
            return Promise.resolve('here');
          },
        },
      ],
      screen,
    );
    expect(pulled).toEqual(['here']);
    expect(failures.map((error) => error.message)).toEqual(['manifest unknown']);
    expect(text()).toContain('Image gone:1  Error  manifest unknown');
    expect(text()).toContain('Image here:1  Pulled');
  });

  test('bytes of all layers are one bar while they come in', async () => {
    const { screen, text } = openScreen();
    await runPullList(
      [
        {
          image: 'big:1',
          run: async (view) => {
            const layer = {
              parentId: 'Image big:1',
              status: 'working',
              text: 'Downloading',
            } as const;
            view.show({ id: 'a', ...layer, current: 10e6, total: 40e6 });
            await new Promise((done) => setImmediate(done));
          },
        },
      ],
      screen,
    );
    expect(text()).toContain('10MB / 40MB');
  });
});
