/**
 * Shell lines for a virtual machine with peers: the runtime's path as `$runtime`, a root file system of busybox in
 * /srv/box and as podman's image `box`, and `value NAME COMMAND…`, which prints a line with code and output.
 */
export const BOX_SET_UP = `
runtime=/ocup/build/Release/ocup-runtime
mkdir -p /etc/containers /srv/box && cd /srv/box && mkdir bin dev etc proc sys tmp run && cp /bin/busybox bin/
echo; for name in cat echo grep id ls mknod sed sh sleep tail test touch true; do ln -s busybox bin/$name; done
echo root:x:0:0::/:/bin/sh > etc/passwd
cat > /etc/containers/containers.conf <<'X'
[engine]
cgroup_manager="cgroupfs"
events_logger="file"
[containers]
log_driver="k8s-file"
X
echo '{"default":[{"type":"insecureAcceptAnything"}]}' > /etc/containers/policy.json
cd /; tar -C /srv/box -c . | podman import -q - box > /dev/null 2>&1
value() { name=$1; shift; text=$("$@" 2> /tmp/error); echo "$name=$? $(echo $text) $(grep -o "can't fork" /tmp/error | head -n 1)" | sed 's/  */ /g; s/ $//'; }
`;
