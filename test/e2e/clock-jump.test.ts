import { beforeAll, describe, expect, test } from '@jest/globals';
import { runInVm, vmObstacle } from '../support/virtual-machine.ts';

const SCRIPT = `
export COMPOSE_PROGRESS=plain
mkdir -p /srv && cd /srv
cat > compose.yaml <<'END'
name: clock
services:
  steady:
    image: "rootfs:/"
    command: sh -c 'n=0; while :; do n=$$((n+1)); echo line $$n; sleep 1; done'
    init: true
    healthcheck: { test: ["CMD", "true"], interval: 1s }
  again:
    image: "rootfs:/"
    command: sh -c 'echo begun; sleep 1; exit 3'
    restart: always
  late:
    image: "rootfs:/"
    command: sleep 1000
    init: true
    depends_on: { steady: { condition: service_healthy } }
    profiles: [late]
END
value() { echo "$1=$(shift; "$@" 2>/dev/null | tr '\\n' ' ' | sed 's/ $//')"; }
starts() { ocup logs --no-log-prefix again 2>/dev/null | grep -c begun; }
healthy() { ocup ps --format '{{.Health}}' steady; }
# The pauses between restarts grow: they begin anew.
fresh() { ocup restart -t 0 again > /dev/null 2>&1; }
# What goes on after a jump: probes, restarts, output, dependants.
look() {
  name=$1; shift; before=$(starts); date -s "$@" > /dev/null; sleep 7
  value \${name}Health healthy
  [ $(starts) -gt $before ]; echo "\${name}Restarts=$?"
  value \${name}Late sh -c 'ocup --profile late up -d late > /dev/null 2>&1 && ocup ps --format "{{.State}}" late && ocup --profile late rm -sf late > /dev/null 2>&1'
  value \${name}Status sh -c 'ocup ps --format "{{.Status}} {{.RunningFor}}" | grep -c -e "-[0-9]"'
  value \${name}Again sh -c 'ocup plan | head -n 1 | grep -c "to create\\|to replace"'
}
ocup up -d --wait steady; ocup up -d; echo "up=$?"
look forward '2031-01-01 00:00:00'
fresh; look back '2029-06-01 00:00:00'
# A supervisor that comes back finds times that lie ahead.
fresh; sleep 2
date -s '2029-01-01 00:00:00' > /dev/null
kill -9 $(ps -o pid,args | grep '[s]tart.cjs supervisor' | awk '{print $1}'); sleep 1
look recovered '2029-01-01 00:01:00'
value lines sh -c 'ocup logs --no-log-prefix steady | grep ^line | awk "{ if (\\$2 != NR) bad++ } END { print bad+0 }"'
begun=$(cut -d. -f1 /proc/uptime); ocup stop -t 1 steady; echo "stop=$?"
[ $(($(cut -d. -f1 /proc/uptime) - begun)) -lt 15 ]; echo "stopTime=$?"
ocup down -t 0; echo "down=$?"
value left sh -c 'ocup ps -aq; find /sys/fs/cgroup -mindepth 1 -name "*ocup*"; grep ocup /proc/mounts'
`;

const obstacle = vmObstacle();
const suite = obstacle === undefined ? describe : describe.skip;

suite(`a clock that jumps (${obstacle ?? 'in a virtual machine'})`, () => {
  const values = new Map<string, string>();
  let log = '';

  beforeAll(async () => {
    const { console: text } = await runInVm(SCRIPT, 300_000);
    log = text;
    for (const [, name = '', value = ''] of text.matchAll(/^(\w+)=(.*)$/gm))
      values.set(name, value.trim());
  }, 400_000);

  const jumps = [
    ['forward', 'two years ahead'],
    ['back', 'back again'],
    ['recovered', 'back behind what a new supervisor finds on disk'],
  ].flatMap(([name, words]): [string, string, string][] => [
    [`probes go on ${words}`, `${name}Health`, 'healthy'],
    [`restarts go on ${words}`, `${name}Restarts`, '0'],
    [`dependants start ${words}`, `${name}Late`, 'running'],
    [`nothing is negative ${words}`, `${name}Status`, '0'],
    [`nothing is made again ${words}`, `${name}Again`, '0'],
  ]);

  test.each([
    ['up succeeds', 'up', '0'],
    ...jumps,
    ['no line is lost', 'lines', '0'],
    ['stop keeps to its grace', 'stop', '0'],
    ['and takes no longer than that', 'stopTime', '0'],
    ['down succeeds', 'down', '0'],
    ['nothing is left', 'left', ''],
  ])('%s', (_, name, wanted) => {
    expect({ value: values.get(name), log: values.get(name) === wanted ? '' : log }).toEqual({
      value: wanted,
      log: '',
    });
  });
});
