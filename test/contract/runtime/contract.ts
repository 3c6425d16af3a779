import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { RUNTIMES, RuntimeLab } from '../../support/runtime.ts';

export type ContractTest = (lab: RuntimeLab) => Promise<void>;

export interface ContractOptions {
  /** A peer and what it does differently, on purpose or by a fault of that version. */
  readonly except?: Readonly<Record<string, string>>;
  /** What this machine lacks for it; undefined: nothing. */
  readonly lacking?: string | undefined;
}

const OLD_PEERS = 'Debian’s stable version is older than this part of the specification';

/** What peers of runtime-spec 1.0 and 1.1 do not know yet. */
export const SPEC_1_1 = { runc: OLD_PEERS, crun: OLD_PEERS };
export const SPEC_1_2 = SPEC_1_1;
export const SPEC_1_3 = SPEC_1_1;
export const LACKS_IDMAP = SPEC_1_1;

export type Obligation = (name: string, body: ContractTest, options?: ContractOptions) => void;

/**
 * Defines obligations that every runtime of the runc command line is held to: ours, and the peers that are
 * installed here, so that a test which asks for something wrong is found out. After each test nothing may be left.
 */
export function describeContract(title: string, define: (must: Obligation) => void): void {
  describe.each(RUNTIMES.map((program) => [program.name, program] as const))(
    `${title}: %s`,
    (name, program) => {
      let lab: RuntimeLab;
      beforeEach(() => {
        lab = new RuntimeLab(program);
      });
      afterEach(async () => {
        expect(await lab.close()).toEqual([]);
      });
      define((obligation, body, options = {}) => {
        const reason = program.skipReason ?? options.lacking ?? options.except?.[name];
        if (reason !== undefined) {
          test.skip(`${obligation} (${reason})`, () => undefined);
        } else {
          test(obligation, () => body(lab));
        }
      });
    },
  );
}
