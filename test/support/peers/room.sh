#!/bin/sh
# A room for peers: `room.sh open NAME NETWORK FOLDER SCRATCH LAYOUT BIND…` holds it until it is killed, and
# `room.sh join NAME PID COMMAND…` runs a command in the one whose first process is PID. All its processes are
# in a pid namespace, which the kernel ends with its first process, and in a cgroup of every hierarchy called NAME.
set -eu
action=$1 name=$2 third=$3
shift 3

hierarchies() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo /sys/fs/cgroup; else
    while read -r _ target type _; do
      case $type in cgroup | cgroup2) echo "$target" ;; esac
    done </proc/self/mounts
  fi
}

for hierarchy in $(hierarchies); do
  if [ "$action" = open ]; then
    mkdir -p "$hierarchy/$name"
    # A new cgroup of cpuset v1 has no processors, and none can join it.
    if [ -e "$hierarchy/$name/cpuset.cpus" ] && [ -e "$hierarchy/$name/cgroup.clone_children" ]; then
      cat "$hierarchy/cpuset.cpus" >"$hierarchy/$name/cpuset.cpus"
      cat "$hierarchy/cpuset.mems" >"$hierarchy/$name/cpuset.mems"
      echo 1 >"$hierarchy/$name/cgroup.clone_children"
    fi
  fi
  echo $$ >"$hierarchy/$name/cgroup.procs"
done

if [ "$action" = open ]; then
  network=--net
  [ "$third" = private ] || network=
  # shellcheck disable=SC2086
  exec unshare --mount $network --ipc --uts --pid --cgroup --fork --kill-child=KILL "${0%/*}/enter.sh" "$@"
fi
exec nsenter --target "$third" --mount --net --ipc --uts --pid --cgroup --root --wd "$@"
