#!/bin/sh
# Runs a script under systemd as the first process of a pid namespace, on the cgroup v2 tree of this machine below a
# cgroup of its own: `systemd-room.sh FOLDER SCRATCH HIERARCHY BIND…`. FOLDER is a root file system that has systemd,
# SCRATCH/script.sh the script; its output and code go to SCRATCH/output and SCRATCH/code.
set -eu
if [ "$1" != inside ]; then
  cgroup=$3/${2##*/}
  mkdir "$cgroup"
  echo $$ >"$cgroup/cgroup.procs"
  exec unshare --mount --net --ipc --uts --pid --cgroup --fork --kill-child=KILL "$0" inside "$@"
fi
shift
folder=$1 scratch=$2
shift 3
root=$scratch/root
mount --make-rprivate /
mount -t tmpfs tmpfs "$scratch/layers"
mkdir "$scratch/layers/upper" "$scratch/layers/work"
mount -t overlay -o "lowerdir=$folder,upperdir=$scratch/layers/upper,workdir=$scratch/layers/work" systemd "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs run "$root/run"
mount -t tmpfs tmp "$root/tmp"
for bind in "$scratch" "$@"; do
  mkdir -p "$root$bind"
  mount --rbind "$bind" "$root$bind"
done
cat >"$root/etc/systemd/system/script.service" <<END
[Service]
Type=oneshot
TimeoutStartSec=90
ExecStart=/bin/sh -c 'sh $scratch/script.sh >$scratch/output 2>&1; echo \$? >$scratch/code; systemctl exit'
END
cat >"$root/etc/systemd/system/script.target" <<END
[Unit]
Wants=script.service
END
ln -sf script.target "$root/etc/systemd/system/default.target"
: >"$root/etc/fstab"
mkdir -p "$root/.old"
cd "$root"
pivot_root . .old
umount -l .old
cd /
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /usr/lib/systemd/systemd --log-level=err --log-target=null --show-status=no
