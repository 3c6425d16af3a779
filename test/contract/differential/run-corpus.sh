#!/bin/sh
# Runs every case below $1/cases under the runtime $3, named $2, and writes what was seen below $1/out/$2/<case>:
# for step n its words, exit code, standard output and standard error, and at the end what was left behind.
# Wants a mount namespace of its own.
# A file not-$2 in a case's folder passes it over.
# LIMIT and REMOVE are the commands that end what takes too long, and that remove a folder but no other file system.
set -u
limit=${LIMIT:-timeout --foreground 20} remove=${REMOVE:-rm -rf --one-file-system}
corpus=$1 name=$2 runtime=$3 probe=$1/rootfs/bin/probe
work=$corpus/work/$name
mkdir -p "$work"
mount -t tmpfs tmpfs "$work"

# A call of the runtime. Its streams are files: a container keeps them for as long as it lives.
step() {
  n=$((n + 1))
  echo "$*" >"$out/$n.words"
  $limit "$runtime" --root "$state" "$@" <"${input:-/dev/null}" >"$out/$n.out" 2>"$out/$n.err"
  echo $? >"$out/$n.code"
}

# A shell text on the host, whose output counts as seen.
host() {
  n=$((n + 1))
  echo "host $1" >"$out/$n.words"
  eval "$1" >"$out/$n.out" 2>"$out/$n.err"
  echo $? >"$out/$n.code"
}

# Waits until the program of step $1 has shown what it sees, or has failed to.
ready() {
  for try in $(seq 200); do
    grep -q '}$' "$out/$1.out" && return
    [ -s "$out/$1.err" ] && return
    sleep 0.02
  done
}

stopped() {
  for try in $(seq 200); do
    case $("$runtime" --root "$state" state "$ID" 2>&1) in *'"stopped"'* | *'does not exist'*) return ;; esac
    sleep 0.02
  done
}

pid_of() { "$runtime" --root "$state" state "$ID" 2>/dev/null | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p'; }

leftovers() {
  [ -e "$state/$ID" ] && echo "state"
  find /sys/fs/cgroup -name "*$ID*" -type d 2>/dev/null | sed 's,/sys/fs/cgroup,cgroup ,'
  grep " $bundle/rootfs" /proc/self/mountinfo | sed 's/.* - /mount /'
}

run_case() {
  case=$1
  number=$((number + 1))
  n=0
  ID=ocup-$name-$number
  out=$corpus/out/$name/$(basename "$case")
  bundle=$work/bundle
  state=$work/state
  mkdir -p "$out" "$bundle/ns"
  cp -a "$corpus/rootfs" "$bundle/rootfs"
  sed "s,@ID@,$ID,g; s,@BUNDLE@,$bundle,g" "$case/config.json" >"$bundle/config.json"
  cd "$bundle" || exit 1
  . "$case/prepare.sh" >"$out/prepare.out" 2>&1 </dev/null
  . "$case/steps.sh"
  $limit "$runtime" --root "$state" delete --force "$ID" >"$out/end.out" 2>&1 </dev/null
  leftovers >"$out/left"
  . "$case/cleanup.sh" >>"$out/prepare.out" 2>&1 </dev/null
  cp "$bundle"/ns/*.link "$out" 2>/dev/null
  cd "$work" || exit 1
  # A runtime that was asked for no mount namespace has mounted right here.
  for target in $(cut -d ' ' -f 5 /proc/self/mountinfo | grep "^$bundle/" | sort -r); do umount -l "$target"; done
  $remove "$bundle" "$state"
}

number=0
for kind in cgroup ipc mnt net pid time user uts; do
  readlink /proc/self/ns/$kind
done >"$corpus/out/$name.host"
for folder in "$corpus"/cases/*; do [ -e "$folder/not-$name" ] || run_case "$folder"; done
echo "$number" >"$corpus/out/$name.count"
umount -l "$work"
