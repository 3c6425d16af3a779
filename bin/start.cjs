// start.cjs NAME ARGUMENT…: loads the bundled program dist/NAME.cjs. One file is what Node.js starts fastest, faster
// still with what V8 made of it the last time, which is kept beside it where that folder can be written to.
'use strict';

const {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} = require('node:fs');
const { createRequire, wrap } = require('node:module');
const { basename, dirname, join } = require('node:path');
const { constants, Script } = require('node:vm');

const [name] = process.argv.splice(2, 1);
const program = join(__dirname, '..', 'dist', `${name}.cjs`);

function fail(message, hint) {
  console.error(`Error: ${message}\n  hint: ${hint}`);
  process.exit(1);
}

/** V8 itself compares only the length of the source; the name tells one build from another. */
function cachePath() {
  const { mtimeMs, size } = statSync(program);
  return `${program}.${process.version}-${process.arch}-${Math.trunc(mtimeMs)}-${size}.cache`;
}

function findCache(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** Written beside and renamed: a reader sees all of it or nothing. A folder that cannot be written to is fine. */
function keepCache(path, script) {
  try {
    writeFileSync(`${path}.${process.pid}`, script.createCachedData());
    renameSync(`${path}.${process.pid}`, path);
    for (const entry of readdirSync(dirname(path))) {
      const isStale = entry.startsWith(`${name}.cjs.v`) && entry !== basename(path);
      if (isStale) rmSync(join(dirname(path), entry), { force: true });
    }
  } catch {
    // The next start is as slow as this one.
  }
}

/** Parts of Node.js that take a millisecond or more, and that many a command never uses, are loaded at their first use. */
function requireLazily(require) {
  const heavy = ['child_process', 'crypto', 'fs/promises', 'net', 'zlib'];
  const known = new Map();
  return (id) => {
    const part = id.replace(/^node:/, '');
    if (!heavy.includes(part)) return require(id);
    const module = known.get(part) ?? loadedAtFirstUse(() => require(id));
    known.set(part, module);
    return module;
  };
}

function loadedAtFirstUse(load) {
  let loaded;
  const get = () => (loaded ??= load());
  return new Proxy(
    {},
    {
      get: (_, key) => get()[key],
      has: (_, key) => key in get(),
      ownKeys: () => Reflect.ownKeys(get()),
      getOwnPropertyDescriptor: (_, key) => {
        const found = Reflect.getOwnPropertyDescriptor(get(), key);
        return found && { ...found, configurable: true };
      },
    },
  );
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(
    `ocup needs Node.js 20.19 or newer, and this is ${process.versions.node}`,
    'install a newer one',
  );
}
if (!existsSync(program)) fail('ocup is not built', `build it: ${join(__dirname, 'setup')}`);

// The launcher hides it from Node.js: see native/launcher/cold_start.cc.
const { OCUP_NODE_EXTRA_CA_CERTS: certificates } = process.env;
if (certificates !== undefined) {
  process.env.NODE_EXTRA_CA_CERTS = certificates;
  delete process.env.OCUP_NODE_EXTRA_CA_CERTS;
}

// Warnings of Node.js about its own features are not for the user of ocup.
process.removeAllListeners('warning');

const path = cachePath();
const cachedData = findCache(path);
// The bundler escapes all that is not ASCII: so it need not be looked for.
const script = new Script(wrap(readFileSync(program, 'latin1')), {
  filename: program,
  cachedData,
  importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
const isUsable = cachedData !== undefined && script.cachedDataRejected !== true;
// What a short command never called would be compiled again by all others.
const isShort = ['version', 'help', '--help', '--version'].includes(process.argv[2] ?? '--help');
const isWhole = name !== 'ocup' || !isShort;
if (!isUsable && isWhole) process.once('exit', () => keepCache(path, script));
const module_ = { exports: {} };
script.runInThisContext()(
  module_.exports,
  name === 'ocup' ? requireLazily(createRequire(program)) : createRequire(program),
  module_,
  program,
  dirname(program),
);
