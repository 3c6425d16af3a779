/**
 * For `node -e`, with a place and a target: makes the place now a folder, now a link to the target, as fast as it can,
 * until its input ends. It says `swapping` first.
 */
export const SWAPPER = `
const { mkdirSync, rmSync, symlinkSync } = require('node:fs');
const [place, target] = process.argv.slice(1);
// What the runtime makes in the meantime is in the way now and then.
const attempt = (work) => { try { work(); } catch { } };
process.stdout.write('swapping');
process.stdin.resume().on('end', () => process.exit(0));
const swap = () => {
  for (let i = 0; i < 200; i += 1) {
    attempt(() => rmSync(place, { recursive: true, force: true }));
    attempt(() => symlinkSync(target, place));
    attempt(() => rmSync(place, { recursive: true, force: true }));
    attempt(() => mkdirSync(place));
  }
  setImmediate(swap);
};
swap();
`;
