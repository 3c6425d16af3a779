const transform = { '^.+\\.ts$': '<rootDir>/test/support/transform-typescript.mjs' };
const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform,
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/build'],
};

/** `fast` needs no privileges and no built executables; `system` runs on the real kernel as root. */
export default {
  testTimeout: 60_000,
  projects: [
    {
      ...shared,
      displayName: 'fast',
      testMatch: ['<rootDir>/test/{unit,golden,property}/**/*.test.ts'],
    },
    {
      ...shared,
      displayName: 'system',
      testMatch: ['<rootDir>/test/{contract,integration,e2e}/**/*.test.ts'],
    },
  ],
};
