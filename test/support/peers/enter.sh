#!/bin/sh
# Makes the folder of peers the root, in namespaces that `room.sh` has made: `enter.sh FOLDER SCRATCH LAYOUT BIND…`.
# Its files are the lower layer of an overlay in SCRATCH; each BIND is seen at its own path. Ends as a first
# process that only reaps.
set -eu
folder=$1 scratch=$2 layout=$3
shift 3
root=$scratch/root
mount --make-rprivate /
ip link set lo up
mkdir -p "$scratch/upper" "$scratch/work" "$scratch/lib" "$root"
mount -t overlay -o "lowerdir=$folder,upperdir=$scratch/upper,workdir=$scratch/work" peers "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs run "$root/run"
mount -t sysfs sysfs "$root/sys"
# What keeps layers must not lie on an overlay itself.
for name in docker containers containerd; do
  mkdir -p "$scratch/lib/$name" "$root/var/lib/$name"
  mount --bind "$scratch/lib/$name" "$root/var/lib/$name"
done
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  mount -t tmpfs -o mode=755 cgroup "$root/sys/fs/cgroup"
  # The list grows while it is worked off: it is read beforehand.
  mounts=$(cat /proc/self/mounts)
  while read -r _ target type options _; do
    case $type in cgroup | cgroup2) ;; *) continue ;; esac
    [ "$type" = cgroup ] || [ "$layout" = hybrid ] || continue
    name=$root/sys/fs/cgroup/${target##*/}
    mkdir -p "$name"
    mount -t "$type" -o "$(printf %s "$options" | sed 's/\(rw\|ro\|relatime\|nosuid\|nodev\|noexec\),\{0,1\}//g')" cgroup "$name"
  done <<END
$mounts
END
  mount -o remount,ro "$root/sys/fs/cgroup"
fi
for bind in "$@"; do
  if [ -d "$bind" ]; then mkdir -p "$root$bind"; else mkdir -p "$root${bind%/*}" && : >"$root$bind"; fi
  mount --rbind "$bind" "$root$bind"
done
mkdir -p "$root/.old"
cd "$root"
pivot_root . .old
umount -l .old
cd /
rmdir .old
exec catatonit -P
