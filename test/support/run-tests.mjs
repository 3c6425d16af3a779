// Runs the test projects one after another, compares the machine before and after, and ends with one plain
// line: `N passed, N failed, N skipped`. Before it come the skips with their names, which state the reason, the
// tests that passed at one of two tries of their file (each is a bug to find), and those that failed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { machineState, stateDifference } from './machine-state.mjs';

/** More failed files than this are not chance: they are not tried again. */
const SECOND_TRY_FILES = 5;
const WHOLE = ' as a whole';

const args = process.argv.slice(2);
const isNarrowed = args.length > 0;
const scratch = mkdtempSync(join(tmpdir(), 'ocup-tests-'));
const totals = { passed: 0, failed: [], skipped: [], late: [] };

/** Runs a project; files that failed run once more by themselves, and what then passes is named as such. */
function runProject(name, jestArgs) {
  const files = runJest(name, jestArgs);
  const failed = files.filter(hasFailed);
  if (
    failed.length > 0 &&
    failed.length <= SECOND_TRY_FILES &&
    failed.every(({ path }) => path !== undefined)
  ) {
    const paths = failed.map(({ path }) => path);
    const again = runJest(`${name}-again`, [
      ...jestArgs,
      '--runInBand',
      '--runTestsByPath',
      ...paths,
    ]);
    for (const file of failed) {
      const second = again.find(({ path }) => path === file.path);
      if (second === undefined) continue;
      Object.assign(file, either(file, second));
    }
  }
  for (const file of files) {
    totals.failed.push(...failedTests(file));
    totals.passed += file.tests.filter(({ status }) => status === 'passed').length;
    totals.skipped.push(...file.tests.filter(isSkipped).map(({ fullName }) => fullName));
  }
}

/** Of two tries of a file: what passed in one of them has passed, and is named. */
function either(first, second) {
  const [before, after] = [failedTests(first), failedTests(second)];
  const once = second.tests
    .map(({ fullName }) => fullName)
    .filter((name) => before.includes(name) !== after.includes(name));
  totals.late.push(
    ...once,
    ...before.filter((name) => name.endsWith(WHOLE) && !after.includes(name)),
  );
  const tests = second.tests.map((test) =>
    once.includes(test.fullName) ? { ...test, status: 'passed' } : test,
  );
  return { tests, hasCrashed: second.hasCrashed && after.every((name) => name.endsWith(WHOLE)) };
}

const isSkipped = ({ status }) => status === 'pending' || status === 'todo';
const hasFailed = (file) => failedTests(file).length > 0;

function failedTests({ path, tests, hasCrashed }) {
  const names = tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
  // A file that fails without a failed test could not be loaded, or a hook around all tests failed.
  return names.length === 0 && hasCrashed ? [`${path ?? 'the test runner'}${WHOLE}`] : names;
}

function runJest(name, jestArgs) {
  const output = join(scratch, `${name}.json`);
  const jest = join('node_modules', 'jest', 'bin', 'jest.js');
  // A test that failed may have left something open that would hold the runner; what is left is looked for anyway.
  const all = [jest, '--ci', '--forceExit', '--json', `--outputFile=${output}`, ...jestArgs];
  const { status } = spawnSync(process.execPath, all, { stdio: ['ignore', 'ignore', 'inherit'] });
  const files = readReport(output).map(({ name: path, status: outcome, assertionResults }) => ({
    path,
    tests: assertionResults,
    hasCrashed: outcome === 'failed',
  }));
  // A runner that fails without a failed test (no tests found, a crash) is a failure all the same.
  if (status !== 0 && !files.some(hasFailed)) files.push({ tests: [], hasCrashed: true });
  return files;
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).testResults;
  } catch {
    return [];
  }
}

/** What is still there after the time the kernel may take to let go of it. */
function leftBehind() {
  const untilMs = Date.now() + 10_000;
  for (;;) {
    const left = stateDifference(before, machineState());
    if (left.length === 0 || Date.now() > untilMs)
      return left.map((item) => `left behind: ${item}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

const before = machineState();
if (isNarrowed) {
  runProject('chosen', args);
} else {
  runProject('fast', ['--selectProjects', 'fast']);
  // One file at a time: these tests compare the machine's interfaces, mounts and cgroups.
  runProject('system', ['--selectProjects', 'system', '--runInBand']);
}
rmSync(scratch, { recursive: true, force: true });

totals.failed.push(...leftBehind());
for (const name of totals.skipped) console.log(`skipped: ${name}`);
for (const name of totals.late) console.log(`passed at one of two tries: ${name}`);
for (const name of totals.failed) console.log(`failed: ${name}`);
const { passed, failed, skipped } = totals;
console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
process.exit(failed.length === 0 ? 0 : 1);
