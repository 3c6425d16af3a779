// Runs the test projects one after another, compares the machine before and after, and ends with one plain
// line: `N passed, N failed, N skipped`. Skips are listed with their names, which state the reason.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { machineState, stateDifference } from './machine-state.mjs';

const args = process.argv.slice(2);
const isNarrowed = args.length > 0;
const scratch = mkdtempSync(join(tmpdir(), 'ocup-tests-'));
const totals = { passed: 0, failed: 0, skipped: [] };

function runJest(name, jestArgs) {
  const output = join(scratch, `${name}.json`);
  const jest = join('node_modules', 'jest', 'bin', 'jest.js');
  const all = [jest, '--ci', '--json', `--outputFile=${output}`, ...jestArgs];
  const { status } = spawnSync(process.execPath, all, { stdio: ['ignore', 'ignore', 'inherit'] });
  const report = readReport(output);
  totals.passed += report.numPassedTests;
  totals.failed += report.numFailedTests + report.numRuntimeErrorTestSuites;
  for (const file of report.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === 'pending' || test.status === 'todo') totals.skipped.push(test.fullName);
    }
  }
  // A runner that fails without a failed test (no tests found, a crash) is a failure all the same.
  if (status !== 0 && report.success !== false && totals.failed === 0) totals.failed += 1;
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 1, numRuntimeErrorTestSuites: 0, testResults: [] };
  }
}

const before = machineState();
if (isNarrowed) {
  runJest('chosen', args);
} else {
  runJest('fast', ['--selectProjects', 'fast']);
  // One file at a time: these tests compare the machine's interfaces, mounts and cgroups.
  runJest('system', ['--selectProjects', 'system', '--runInBand']);
}

const left = stateDifference(before, machineState());
for (const item of left) console.error(`left behind: ${item}`);
if (left.length > 0) totals.failed += 1;

for (const name of totals.skipped) console.log(`skipped: ${name}`);
rmSync(scratch, { recursive: true, force: true });
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped.length} skipped`);
process.exit(totals.failed === 0 ? 0 : 1);
