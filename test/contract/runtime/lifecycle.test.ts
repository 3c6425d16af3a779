import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { cgroupsNamed, parseRecord } from '../../support/runtime.ts';
import { describeContract } from './contract.ts';

describeContract('life cycle', (must) => {
  must('run ends with the code of the program', async (lab) => {
    const { code } = await lab.run(lab.bundle().script('exit 7'));
    expect(code).toBe(7);
  });

  must('run hands on standard input and output', async (lab) => {
    const { stdout } = await lab.run(lab.bundle().script('tr a-z A-Z'), [], { input: 'hello\n' });
    expect(stdout).toBe('HELLO\n');
  });

  must(
    'run ends with 128 and the number of the signal that ended the program',
    async (lab) => {
      const bundle = lab.bundle().script('echo up > /tmp/up; exec sleep 1000');
      const running = lab.run(bundle);
      const id = await waitForContainer(lab.root);
      await eventually(() => existsSync(join(bundle.rootfs, 'tmp/up')), 5000);
      await lab.succeed(['kill', id, 'KILL']);
      expect((await running).code).toBe(137);
    },
    { except: { crun: 'its state folder has other files' } },
  );

  must(
    'run hands signals on to the program',
    async (lab) => {
      const bundle = lab
        .bundle()
        .script('trap "exit 42" TERM; echo up > /tmp/up; while :; do sleep 0.05; done');
      const running = lab.run(bundle);
      await eventually(() => existsSync(join(bundle.rootfs, 'tmp/up')), 5000);
      const id = await waitForContainer(lab.root);
      await lab.succeed(['kill', id, 'SIGTERM']);
      expect((await running).code).toBe(42);
    },
    { except: { crun: 'its state folder has other files' } },
  );

  must('a container goes from created to running to stopped', async (lab) => {
    const id = await lab.create(lab.bundle());
    expect(await lab.status(id)).toBe('created');
    await lab.succeed(['start', id]);
    expect(await lab.status(id)).toBe('running');
    await lab.succeed(['kill', id, '9']);
    await eventually(async () => (await lab.status(id)) === 'stopped', 5000);
    await lab.succeed(['delete', id]);
    expect((await lab.call(['state', id])).code).toBe(1);
  });

  must('the program does not run before start', async (lab) => {
    const bundle = lab.bundle().script('echo ran > /tmp/ran; exec sleep 1000');
    const id = await lab.create(bundle);
    await lab.state(id);
    expect(existsSync(join(bundle.rootfs, 'tmp/ran'))).toBe(false);
    await lab.succeed(['start', id]);
    await eventually(() => existsSync(join(bundle.rootfs, 'tmp/ran')), 5000);
  });

  must(
    'state prints the members that clients of runc read',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.annotations = { 'org.example.a': 'b' };
      const state = await lab.state(await lab.create(bundle));
      expect(Object.keys(state)).toEqual([
        ...[
          'ociVersion',
          'id',
          'pid',
          'status',
          'bundle',
          'rootfs',
          'created',
          'annotations',
          'owner',
        ],
      ]);
      expect(state['bundle']).toBe(bundle.folder);
      expect(state['rootfs']).toBe(bundle.rootfs);
      expect(state['annotations']).toEqual({ 'org.example.a': 'b' });
      expect(state['created']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
    },
    { except: { crun: 'it adds members' } },
  );

  must('a stopped container has pid 0', async (lab) => {
    const id = await lab.start(lab.bundle().script('exit 3'));
    await eventually(async () => (await lab.status(id)) === 'stopped', 5000);
    expect(await lab.pid(id)).toBe(0);
  });

  must(
    'an id is taken only once',
    async (lab) => {
      const bundle = lab.bundle();
      const id = await lab.create(bundle);
      const again = await lab.call(['create', '-b', bundle.folder, id]);
      expect(again.code).toBe(1);
      expect(again.stderr).toContain('container with given ID already exists');
      expect(await lab.status(id)).toBe('created');
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must('an id cannot lead out of the state folder', async (lab) => {
    const bundle = lab.bundle();
    bundle.save();
    for (const id of ['../escape', 'a/b', '..', '']) {
      expect((await lab.call(['create', '-b', bundle.folder, id])).code).not.toBe(0);
    }
    expect(existsSync(join(lab.folder, 'escape'))).toBe(false);
  });

  must(
    'a container is started only once',
    async (lab) => {
      const id = await lab.start(lab.bundle());
      const again = await lab.call(['start', id]);
      expect(again.code).toBe(1);
      expect(again.stderr).toContain('cannot start an already running container');
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must(
    'a running container is not deleted without force',
    async (lab) => {
      const id = await lab.start(lab.bundle());
      const refused = await lab.call(['delete', id]);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain(
        `cannot delete container ${id} that is not stopped: running`,
      );
      await lab.succeed(['delete', '--force', id]);
      expect(cgroupsNamed([id])).toEqual([]);
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must('a created container can be deleted', async (lab) => {
    const id = await lab.create(lab.bundle());
    const pid = await lab.pid(id);
    await lab.succeed(['delete', id]);
    await eventually(() => !existsSync(`/proc/${pid}`), 5000);
  });

  must(
    'commands on a container that is not there say so',
    async (lab) => {
      for (const args of [
        ['state'],
        ['start'],
        ['kill'],
        ['delete'],
        ['pause'],
        ['resume'],
        ['ps'],
      ]) {
        const outcome = await lab.call([...args, 'nobody']);
        expect(outcome.code).toBe(1);
        expect(outcome.stderr).toContain('container does not exist');
      }
      expect((await lab.call(['delete', '--force', 'nobody'])).code).toBe(0);
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must(
    'kill of a stopped container says that it is not running',
    async (lab) => {
      const id = await lab.start(lab.bundle().script('exit 0'));
      await eventually(async () => (await lab.status(id)) === 'stopped', 5000);
      const outcome = await lab.call(['kill', id, '15']);
      expect(outcome.code).toBe(1);
      expect(outcome.stderr).toContain('container not running');
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must(
    'a program that is not found fails create, in words that mean 127',
    async (lab) => {
      for (const [args, text] of [
        [['nosuch'], 'exec: \\"nosuch\\": executable file not found in $PATH'],
        [['/bin/nosuch'], 'exec: \\"/bin/nosuch\\": stat /bin/nosuch: no such file or directory'],
      ] as const) {
        const bundle = lab.bundle();
        bundle.spec.process.args = [...args];
        bundle.save();
        const id = lab.id();
        const outcome = await lab.call(['create', '-b', bundle.folder, id]);
        expect(outcome.code).toBe(1);
        expect(outcome.stderr).toContain(text);
        expect(existsSync(join(lab.root, id))).toBe(false);
        expect(cgroupsNamed([id])).toEqual([]);
      }
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must(
    'a program that may not be executed fails create, in words that mean 126',
    async (lab) => {
      for (const path of ['/etc/passwd', '/etc']) {
        const bundle = lab.bundle();
        bundle.spec.process.args = [path];
        const outcome = await lab.run(bundle);
        expect(outcome.code).toBe(1);
        expect(outcome.stderr).toContain(`exec: \\"${path}\\": permission denied`);
      }
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must(
    'a program that the kernel cannot run is told with what it lacks',
    async (lab) => {
      const arm = Buffer.alloc(64);
      arm.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
      arm[18] = 0xb7;
      for (const [content, text] of [
        ['#!/bin/nosuch -x\n', 'its interpreter \\"/bin/nosuch\\" is not there'],
        ['#!/bin/sh\r\n', 'its interpreter \\"/bin/sh\\\\r\\" is not there'],
        [arm, 'exec format error: it is built for aarch64 (arm64)'],
        ['words', 'exec /tmp/program: exec format error"'],
      ] as const) {
        const bundle = lab.bundle();
        writeFileSync(join(bundle.rootfs, 'tmp/program'), content, { mode: 0o755 });
        bundle.spec.process.args = ['/tmp/program'];
        const outcome = await lab.run(bundle);
        expect(outcome.code).toBe(1);
        expect(outcome.stderr).toContain(text);
      }
    },
    { except: { runc: 'it says what the kernel says', crun: 'it says what the kernel says' } },
  );

  must(
    'errors go to the log as JSON lines',
    async (lab) => {
      const log = join(lab.folder, 'log.json');
      const outcome = await lab.call(['--log', log, '--log-format', 'json', 'state', 'nobody']);
      expect(outcome.stderr).toContain('container does not exist');
      const line = parseRecord(readFileSync(log, 'utf8').trim().split('\n').at(-1) ?? '');
      expect(Object.keys(line).sort()).toEqual(['level', 'msg', 'time']);
      expect(line['level']).toBe('error');
      expect(line['msg']).toContain('container does not exist');
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must('the pid file holds the pid that state tells', async (lab) => {
    const file = join(lab.folder, 'pid');
    const id = await lab.create(lab.bundle(), ['--pid-file', file]);
    expect(readFileSync(file, 'utf8')).toBe(String(await lab.pid(id)));
  });

  must('run --detach returns while the program runs', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.process.args = ['/bin/sleep', '1000'];
    bundle.save();
    const id = lab.id();
    await lab.succeed(['run', '--detach', '-b', bundle.folder, id]);
    expect(await lab.status(id)).toBe('running');
  });

  must(
    'list shows containers as JSON and by id',
    async (lab) => {
      const bundle = lab.bundle();
      const first = await lab.create(bundle);
      const second = await lab.start(lab.bundle());
      const rows = JSON.parse(
        (await lab.succeed(['list', '--format', 'json'])).stdout,
      ) as unknown[];
      expect(rows).toHaveLength(2);
      expect(rows[0]).toMatchObject({
        id: first,
        status: 'created',
        bundle: bundle.folder,
        owner: 'root',
      });
      expect(rows[1]).toMatchObject({ id: second, status: 'running' });
      expect((await lab.succeed(['list', '-q'])).stdout.split('\n').filter(Boolean)).toEqual([
        first,
        second,
      ]);
      const table = (await lab.succeed(['list'])).stdout.split('\n');
      expect(table[0]).toMatch(/^ID +PID +STATUS +BUNDLE +CREATED +OWNER/);
      expect(table[1]).toContain(first);
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must(
    'ps lists the pids of the host',
    async (lab) => {
      const id = await lab.start(lab.bundle());
      const pid = await lab.pid(id);
      expect(JSON.parse((await lab.succeed(['ps', '--format', 'json', id])).stdout)).toEqual([pid]);
      // runc’s start returns before the program runs.
      const table = async (): Promise<string> => (await lab.succeed(['ps', id])).stdout;
      const isShown = async (): Promise<boolean> =>
        new RegExp(` ${pid} .*sleep 1000`).test(await table());
      await eventually(isShown, 10_000, 'the program in the table');
    },
    { except: { crun: 'it prints a table of pids only' } },
  );

  must(
    'pause stops and resume continues',
    async (lab) => {
      const id = await lab.start(lab.bundle());
      await lab.succeed(['pause', id]);
      expect(await lab.status(id)).toBe('paused');
      const refused = await lab.call(['exec', id, '/bin/true']);
      expect(refused.code).toBe(255);
      expect(refused.stderr).toContain('cannot exec in a paused container');
      await lab.succeed(['resume', id]);
      expect(await lab.status(id)).toBe('running');
      expect((await lab.call(['resume', id])).stderr).toContain('container not paused');
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must(
    'a paused container is killed by SIGKILL',
    async (lab) => {
      const id = await lab.start(lab.bundle());
      await lab.succeed(['pause', id]);
      await lab.succeed(['kill', id, 'KILL']);
      await eventually(async () => (await lab.status(id)) === 'stopped', 5000);
    },
    { except: { crun: 'on version 1 the signal waits until resume' } },
  );

  must(
    'hooks run in their order, with the state on standard input',
    async (lab) => {
      const folder = mkdtempSync(join(tmpdir(), 'ocup-hooks-'));
      try {
        const hook = (kind: string, shell: string, out: string): object => ({
          path: shell,
          args: ['sh', '-c', `cat > ${out}/${kind}.json; echo ${kind} $MARK >> ${out}/order`],
          env: [`MARK=${kind[0] ?? ''}`, 'PATH=/bin'],
        });
        const bundle = lab.bundle().script('echo program >> /hooks/order; exec sleep 1000');
        bundle.spec.mounts.push({
          destination: '/hooks',
          type: 'bind',
          source: folder,
          options: ['bind'],
        });
        bundle.spec.hooks = {
          prestart: [hook('prestart', '/bin/sh', folder)],
          createRuntime: [hook('createRuntime', '/bin/sh', folder)],
          createContainer: [hook('createContainer', '/bin/sh', folder)],
          startContainer: [hook('startContainer', '/bin/sh', '/hooks')],
          poststop: [hook('poststop', '/bin/sh', folder)],
        };
        const id = await lab.create(bundle);
        const order = (): string[] =>
          readFileSync(join(folder, 'order'), 'utf8').trim().split('\n');
        expect(order()).toEqual(['prestart p', 'createRuntime c', 'createContainer c']);
        const pid = await lab.pid(id);
        await lab.succeed(['start', id]);
        await eventually(() => order().includes('program'), 5000);
        expect(order().slice(3)).toEqual(['startContainer s', 'program']);
        await lab.succeed(['kill', id, 'KILL']);
        await eventually(async () => (await lab.status(id)) === 'stopped', 5000);
        await lab.succeed(['delete', id]);
        expect(order().at(-1)).toBe('poststop p');
        const read = (kind: string): Record<string, unknown> =>
          parseRecord(readFileSync(join(folder, `${kind}.json`), 'utf8'));
        expect(read('createRuntime')).toMatchObject({
          id,
          pid,
          status: 'creating',
          bundle: bundle.folder,
        });
        expect(read('startContainer')).toMatchObject({ id, status: 'created' });
        expect(read('poststop')).toMatchObject({ id, status: 'stopped' });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    { except: { crun: 'it tells another status' } },
  );

  must(
    'a poststart hook that fails stops the container',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.hooks = { poststart: [{ path: '/bin/false' }] };
      bundle.spec.process.args = ['/bin/sleep', '1000'];
      const id = await lab.create(bundle);
      const { code, stderr } = await lab.call(['start', id]);
      expect([code, stderr]).toEqual([1, expect.stringContaining('poststart')]);
      await eventually(async () => (await lab.status(id)) === 'stopped', 5000);
    },
    { except: { runc: 'runs poststart hooks at create', crun: 'version 1.8 only warns' } },
  );

  must(
    'poststop hooks run for a container that could not be made',
    async (lab) => {
      const bundle = lab.bundle();
      const out = join(lab.folder, 'poststop');
      bundle.spec.process.args = ['/no/such/program'];
      bundle.spec.hooks = { poststop: [{ path: '/bin/touch', args: ['touch', out] }] };
      expect((await lab.run(bundle)).code).toBe(1);
      expect(existsSync(out)).toBe(true);
    },
    { except: { runc: 'runs them at delete only', crun: 'runs them at delete only' } },
  );

  must(
    'poststart hooks run when the program was started',
    async (lab) => {
      const out = join(lab.folder, 'poststart.json');
      const bundle = lab.bundle();
      bundle.spec.hooks = {
        poststart: [{ path: '/bin/sh', args: ['sh', '-c', `cat > ${out}`], env: ['PATH=/bin'] }],
      };
      const id = await lab.create(bundle);
      expect(existsSync(out)).toBe(false);
      await lab.succeed(['start', id]);
      const pid = await lab.pid(id);
      expect(parseRecord(readFileSync(out, 'utf8'))).toMatchObject({ id, pid, status: 'running' });
    },
    { except: { runc: 'version 1.1 runs them at create' } },
  );

  must(
    'a hook that fails fails create and leaves nothing',
    async (lab) => {
      for (const kind of ['prestart', 'createRuntime', 'createContainer']) {
        const bundle = lab.bundle();
        bundle.spec.hooks = {
          [kind]: [{ path: '/bin/sh', args: ['sh', '-c', 'echo oops >&2; exit 5'] }],
        };
        bundle.save();
        const id = lab.id();
        const outcome = await lab.call(['create', '-b', bundle.folder, id]);
        expect(outcome.code).toBe(1);
        expect(outcome.stderr).toContain('exit status 5');
        expect(outcome.stderr).toContain('oops');
        expect(existsSync(join(lab.root, id))).toBe(false);
        expect(cgroupsNamed([id])).toEqual([]);
      }
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must(
    'a hook that runs longer than its timeout is ended',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.hooks = {
        createRuntime: [{ path: '/bin/sleep', args: ['sleep', '100'], timeout: 1 }],
      };
      const outcome = await lab.run(bundle);
      expect(outcome.code).toBe(1);
      expect(outcome.stderr).toContain('hook ran past specified timeout');
    },
    { except: { crun: 'it has words and codes of its own' } },
  );

  must('checkpoints or odd input never make a container', async (lab) => {
    const bundle = lab.bundle();
    for (const text of ['', '{', '[]', '"x"', '{"ociVersion":"1.0.2"}', '[[[[[[[[', '{"root":7}']) {
      writeFileSync(join(bundle.folder, 'config.json'), text);
      const id = lab.id();
      const outcome = await lab.call(['create', '-b', bundle.folder, id]);
      expect(outcome.code).toBe(1);
      expect(outcome.stderr).not.toBe('');
      expect(existsSync(join(lab.root, id))).toBe(false);
    }
  });
});

async function waitForContainer(root: string): Promise<string> {
  const { readdirSync } = await import('node:fs');
  let id = '';
  await eventually(() => {
    id = existsSync(root)
      ? (readdirSync(root).find((name) => name.startsWith('ocuptest')) ?? '')
      : '';
    return id !== '' && existsSync(join(root, id, 'state.json'));
  }, 5000);
  return id;
}
