#!/bin/sh
# What dockerd, docker compose and containerd's ctr do with the runtime $1 as the default one, as lines of
# `name=value`; $2 is a folder of its own, $3 a root file system. KINDS are the runtimes that docker has: `ocup` and,
# to hold it against, `runc`.
set -u
runtime=$1 f=$2 rootfs=$3
export DOCKER_HOST=unix://$f/docker.sock
containerd --root "$f/ctd" --state "$f/ctd-run" --address "$f/containerd.sock" >"$f/containerd.log" 2>&1 &
containerd=$!
dockerd --containerd "$f/containerd.sock" --data-root "$f/data" --exec-root "$f/exec" --pidfile "$f/pid" \
  -H "$DOCKER_HOST" --storage-driver overlay2 --iptables=false --ip6tables=false --bridge=none \
  --add-runtime ocup="$runtime" --default-runtime ocup >"$f/dockerd.log" 2>&1 &
dockerd=$!
for try in $(seq 300); do docker version >/dev/null 2>&1 && break; sleep 0.2; done
say() { name=$1; shift; printf '%s=%s\n' "$name" "$("$@" 2>"$f/err" | tr '\r\n' '  ' | sed 's/ *$//')"; }
LIMITS='cd /sys/fs/cgroup; cat memory.max memory.swap.max pids.max cpu.max 2>/dev/null ||
  cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us'
code() { name=$1; shift; "$@" >"$f/out" 2>&1; printf '%s=%s\n' "$name" "$?"; }

say driver docker info --format '{{.CgroupDriver}} {{.CgroupVersion}}'
tar -C "$rootfs" -c . | docker import - box >/dev/null
for kind in ${KINDS:-ocup runc}; do
  run() { docker run --rm --network none --runtime "$kind" "$@"; }
  say "$kind.run" run box echo hello
  code "$kind.exit" run box sh -c 'exit 7'
  code "$kind.missing" run box /none
  code "$kind.missingInPath" run box none
  code "$kind.notExecutable" run box /etc/passwd
  code "$kind.folder" run box /etc
  code "$kind.belowFile" run box /etc/passwd/x
  code "$kind.usage" run --no-such-flag box true
  say "$kind.terminal" run -t box sh -c 'test -t 1 && echo yes'
  say "$kind.user" run -u 1000:1001 --group-add 44 box id
  say "$kind.init" run --init box cat /proc/1/comm
  say "$kind.seccomp" run box grep -E '^(Seccomp|CapEff|NoNewPrivs):' /proc/self/status
  say "$kind.tmpfs" run --tmpfs /t:size=1m,mode=1700 box stat -c %a /t
  say "$kind.readOnly" run --read-only box sh -c 'touch /x 2>/dev/null || echo refused'
  say "$kind.privileged" run --privileged box grep CapBnd /proc/self/status
  docker run -d --network none --runtime "$kind" --name main --memory 64m --cpus 0.5 --pids-limit 50 box sleep 1000 >/dev/null
  say "$kind.exec" docker exec main echo inside
  code "$kind.execExit" docker exec main sh -c 'exit 9'
  code "$kind.execMissing" docker exec main /none
  code "$kind.execNotExecutable" docker exec main /etc/passwd
  say "$kind.execUser" docker exec -u 1000 -w /tmp -e X=1 main sh -c 'id -u; pwd; echo $X'
  say "$kind.limits" docker exec main sh -c "$LIMITS"
  code "$kind.update" docker update --memory 48m --memory-swap 96m --cpus 0.25 --pids-limit 44 main
  say "$kind.updated" docker exec main sh -c "$LIMITS"
  code "$kind.pause" docker pause main
  say "$kind.paused" docker inspect --format '{{.State.Status}}' main
  code "$kind.unpause" docker unpause main
  say "$kind.top" sh -c 'docker top main | grep -c sleep'
  say "$kind.stats" docker stats --no-stream --format '{{.PIDs}}' main
  code "$kind.stop" docker stop -t 1 main
  docker run -d --network none --runtime "$kind" --name mem --memory 32m --memory-swap 32m box sh -c 'head -c 100m /dev/zero | tail >/dev/null' >/dev/null
  docker wait mem >/dev/null
  say "$kind.oom" docker inspect --format '{{.State.ExitCode}} {{.State.OOMKilled}}' mem
  code "$kind.remove" docker rm -f main mem
done

mkdir "$f/project"
cat >"$f/project/compose.yaml" <<END
services:
  first:
    image: box
    command: "sh -c 'echo ready >/tmp/x; sleep 1000'"
    network_mode: none
    healthcheck: { test: "test -e /tmp/x", interval: 1s }
  second:
    image: box
    command: sleep 1000
    network_mode: none
    depends_on: { first: { condition: service_healthy } }
    mem_limit: 32m
    init: true
END
cd "$f/project" || exit 1
code composeUp docker compose up -d --wait
say composePs docker compose ps --format '{{.Service}} {{.State}} {{.Health}}'
say composeRuntime docker inspect --format '{{.HostConfig.Runtime}}' project-second-1
say composeExec docker compose exec -T second cat /proc/1/comm
code composeDown docker compose down -t 1

ctr() { command ctr --address "$f/containerd.sock" -n test "$@"; }
by() { ctr run --runtime io.containerd.runc.v2 --runc-binary "$runtime" "$@"; }
docker save box -o "$f/box.tar"
ctr images import "$f/box.tar" >/dev/null 2>&1
image=docker.io/library/box:latest
say ctrRun by --rm $image one echo hello
code ctrExit by --rm $image one sh -c 'exit 5'
code ctrMissing by --rm $image one /none
code ctrDetached by -d $image two sleep 1000
say ctrTasks ctr task ls -q
say ctrExec ctr task exec --exec-id e two echo inside
code ctrPause ctr task pause two
code ctrResume ctr task resume two
say ctrMetrics sh -c "command ctr --address $f/containerd.sock -n test task metrics two | grep -c '^two'"
code ctrKill ctr task kill -s KILL two
for try in $(seq 100); do ctr task ls | grep -q STOPPED && break; sleep 0.1; done
code ctrDelete ctr task delete two
code ctrRemove ctr container delete two
say ctrLeft ctr container ls -q
say cgroupsLeft sh -c "find /sys/fs/cgroup -type d | grep -E '/(docker|test)/|/docker-'"
kill $dockerd $containerd
wait
