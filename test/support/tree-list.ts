import { execFileSync } from 'node:child_process';

/**
 * One line for everything below `folder`: name, type, mode, owner, size, time in nanoseconds, link target, number of
 * links, content (its digest), extended attributes and device numbers, sorted by name. Sizes of folders are left out: they
 * are the file system's business.
 */
export function listTree(folder: string): string[] {
  const script = `
import os, sys, stat, hashlib, base64
top = os.fsencode(sys.argv[1])
def line(path, rel):
    s = os.lstat(path)
    kind = stat.S_IFMT(s.st_mode)
    parts = [rel.decode('utf8', 'backslashreplace'), '%o' % kind, '%o' % (s.st_mode & 0o7777), '%d:%d' % (s.st_uid, s.st_gid), str(s.st_mtime_ns)]
    if kind == stat.S_IFREG:
        parts.append('size=%d links=%d %s' % (s.st_size, s.st_nlink, hashlib.sha256(open(path, 'rb').read()).hexdigest()[:16]))
    elif kind == stat.S_IFLNK:
        parts.append('to=' + os.readlink(path).decode('utf8', 'backslashreplace'))
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        parts.append('device=%d:%d' % (os.major(s.st_rdev), os.minor(s.st_rdev)))
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        parts.append('%s=%s' % (name, base64.b64encode(os.getxattr(path, name, follow_symlinks=False)).decode()))
    print(' '.join(parts))
line(top, b'.')
for folder, dirs, files in os.walk(top):
    for name in dirs + files:
        path = os.path.join(folder, name)
        line(path, os.path.relpath(path, top))
`;
  const output = execFileSync('python3', ['-c', script, folder], { maxBuffer: 1 << 28 });
  return output.toString().trimEnd().split('\n').sort();
}
