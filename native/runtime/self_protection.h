#pragma once

namespace ocup {

/**
 * CVE-2019-5736: a process in a container can reach the program that entered it through
 * /proc/<pid>/exe and open that file for writing as soon as nobody executes it any more. So the
 * program that enters is never the installed file itself: this executes it again from a detached
 * read-only mount of that file, which no open for writing passes and which nobody in a container
 * can remount, as it is in no mount namespace. Where mounting is not allowed it is a sealed copy in
 * memory. A caller who executes us from such a place already (a read-only file system, a sealed
 * memfd) pays nothing. Returns when this process is safe. Throws SysError when it cannot be made
 * so.
 */
void protect_own_executable(char** argv);

/** Whether a caller executed us from such a place. Throws SysError. */
bool is_own_executable_protected();

}  // namespace ocup
