#!/bin/sh
# What podman does with the runtime $1, as lines of `name=value`; $2 is a folder of its own, $3 a root file system.
set -u
runtime=$1 folder=$2 rootfs=$3
export CONTAINERS_CONF=$folder/containers.conf
cat >"$CONTAINERS_CONF" <<END
[containers]
log_driver = "k8s-file"
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
init_path = "/usr/bin/catatonit"
END
podman() { command podman --runtime "$runtime" --root "$folder/storage" --runroot "$folder/run" --tmpdir "$folder/tmp" "$@"; }
say() { name=$1; shift; printf '%s=%s\n' "$name" "$("$@" 2>"$folder/err" | tr '\r\n' '  ' | sed 's/ *$//')"; }
code() { name=$1; shift; "$@" >"$folder/out" 2>&1; printf '%s=%s\n' "$name" "$?"; }
run() { podman run --rm "$@"; }

tar -C "$rootfs" -c . | podman import -q - localhost/box >/dev/null

say run run box echo hello
code exit run box sh -c 'exit 7'
code missing run box /none
code notExecutable run box /etc/passwd
code usage run --no-such-flag box true
code killed run box sh -c 'kill -9 $$; sleep 1'
code killedInside run --init box sh -c 'kill -9 $$'
say user run --user 1000:1001 --group-add 44 box id
say env run -e A=b -w /tmp box sh -c 'echo $A $(pwd)'
say terminal run -t box sh -c 'test -t 0 && test -t 1 && echo yes'
say hostname run --hostname named box hostname
say init run --init box cat /proc/1/comm
say readOnly run --read-only box sh -c 'touch /x 2>/dev/null || echo refused; touch /tmp/x && echo tmp'
say tmpfs run --tmpfs /t:size=1m,mode=1700 box sh -c 'grep " /t " /proc/mounts | cut -d " " -f 3; stat -c %a /t'
say sysctl run --sysctl net.ipv4.ip_forward=1 box cat /proc/sys/net/ipv4/ip_forward
say ulimit run --ulimit nofile=100:200 box sh -c 'ulimit -Sn; ulimit -Hn'
say capabilities run --cap-drop all --cap-add chown box grep CapEff /proc/self/status
say privileged run --privileged box sh -c 'grep CapBnd /proc/self/status; test -c /dev/fuse && echo devices'
say noNewPrivileges run --security-opt no-new-privileges box grep NoNewPrivs /proc/self/status
say seccomp run box grep -w Seccomp: /proc/self/status
cat >"$folder/seccomp.json" <<END
{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}
END
say seccompProfile run --security-opt seccomp="$folder/seccomp.json" box sh -c 'mkdir /x 2>&1'
say device run --device /dev/null:/dev/naught box stat -c '%t %T' /dev/naught
say shm run --shm-size 2m box sh -c 'df -k /dev/shm | tail -1 | awk "{print \$2}"'
podman volume create v >/dev/null
say volumeWritten run -v v:/data box sh -c 'echo kept >/data/file; cat /data/file'
say volumeKept run -v v:/data:ro box sh -c 'cat /data/file; touch /data/x 2>/dev/null || echo refused'
say bind run -v "$folder/seccomp.json:/profile:ro" box wc -l /profile
say userNamespace run --uidmap 0:100000:5000 --gidmap 0:100000:5000 box cat /proc/self/uid_map
code pidsLimit run --pids-limit 5 box sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait'

podman run -d --name mem --memory 32m box sh -c 'head -c 100m /dev/zero | tail >/dev/null' >/dev/null
code waitMem podman wait mem
say oom podman inspect --format '{{.State.ExitCode}} {{.State.OOMKilled}}' mem

podman run -d --name main --memory 64m --pids-limit 99 --cpus 0.5 --health-cmd 'test -e /ok' box sleep 1000 >/dev/null
say exec podman exec main sh -c 'echo $$ >/dev/null; echo inside'
code execExit podman exec main sh -c 'exit 9'
code execMissing podman exec main /none
code execNotExecutable podman exec main /etc/passwd
say execUser podman exec -u 1000 -w /tmp -e X=1 main sh -c 'id -u; pwd; echo $X'
say execTerminal podman exec -t main sh -c 'test -t 1 && echo yes'
code execDetached podman exec -d main touch /made
limit() { podman exec main sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max'; }
say memory limit
code update podman update --memory 48m main
say memoryUpdated limit
code unhealthy podman healthcheck run main
podman exec main touch /ok
code healthy podman healthcheck run main
code pause podman pause main
say paused podman inspect --format '{{.State.Status}}' main
code unpause podman unpause main
say top podman top main comm
say stats podman stats --no-stream --format '{{.PIDs}}' main
code stop podman stop -t 1 main
say stopped podman inspect --format '{{.State.ExitCode}}' main
code restart podman restart -t 1 main
say restarted podman inspect --format '{{.State.Status}}' main
code kill podman kill main
code remove podman rm -f main mem

podman pod create --name pod --network none --infra-command /bin/pause --infra-image localhost/box >"$folder/out" 2>&1
podman run -d --pod pod --name first box sleep 1000 >/dev/null 2>"$folder/err"
say pod podman run --rm --pod pod box sh -c 'readlink /proc/self/ns/ipc | cut -d : -f 1; hostname'
say podSharesUts sh -c "test \"\$(command podman --runtime $runtime --root $folder/storage --runroot $folder/run --tmpdir $folder/tmp exec first readlink /proc/1/ns/uts)\" && echo shared"
code podStop podman pod rm -f -t 0 pod
say left podman ps -aq
