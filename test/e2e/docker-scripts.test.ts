import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listScripts, ScriptLab } from '../support/docker-scripts.ts';
import { peersObstacle } from '../support/peers.ts';

const obstacle = peersObstacle();
const scripts = await listScripts();

(obstacle === undefined ? describe : describe.skip)(
  `scripts written for docker compose${obstacle === undefined ? '' : `: ${obstacle}`}`,
  () => {
    let lab: ScriptLab;

    beforeAll(async () => {
      lab = await ScriptLab.open();
    }, 120_000);

    afterAll(async () => {
      await lab.close();
    });

    test.each(scripts)(
      '%s prints and ends the same with ocup',
      async (name) => {
        const [docker, ocup] = await Promise.all([lab.runWithDocker(name), lab.runWithOcup(name)]);
        const isSame = docker.code === ocup.code && docker.stdout === ocup.stdout;
        // Standard error is in words of our own: it only helps where the rest differs.
        const shown = ({ code, stdout, stderr }: typeof docker) => ({
          ...{ code, stdout },
          stderr: isSame ? '' : stderr,
        });
        expect(shown(ocup)).toEqual(shown(docker));
      },
      150_000,
    );
  },
);
