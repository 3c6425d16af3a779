#!/bin/sh
# Builds the folder of peers (docker, docker compose, containerd, podman, crun, runc, skopeo, umoci) from a newer Debian
# than the machine's own: `build.sh FOLDER`. What is there stays. It is an ordinary root file system; nothing of it is
# installed on the machine.
set -eu
folder=$1
PACKAGES='docker.io,docker-cli,docker-compose,containerd,podman,crun,runc,skopeo,umoci,conmon,catatonit,uidmap,passt'
PACKAGES="$PACKAGES,netavark,aardvark-dns,iptables,nftables,iproute2,procps,ca-certificates,busybox-static,mount,strace,jq"
stamp="$PACKAGES"

[ "$(cat "$folder/.packages" 2>/dev/null || true)" = "$stamp" ] && exit 0
rm -rf "$folder" "$folder.new"
mkdir -p "$(dirname "$folder")"
# That suite's index may be older than it says it may be; packages are still checked against its signed digests.
mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' \
  --include="$PACKAGES" forky "$folder.new" >/dev/null
rm -rf "$folder.new/var/cache/apt" "$folder.new/usr/share/doc" "$folder.new/usr/share/man"
printf '%s' "$stamp" >"$folder.new/.packages"
mv "$folder.new" "$folder"
