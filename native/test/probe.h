#pragma once

#include <map>
#include <string>

namespace ocup {

/** What was seen, by name. Names are dotted: `status.CapEff`, `mount./dev/shm.options`. */
using Facts = std::map<std::string, std::string>;

/** `ok`, or the name of the errno that the last call left. */
std::string answer(bool is_ok);

/** Identity, limits, scheduling, namespaces, descriptors, arguments and environment. */
void probe_process(Facts& facts);

/** Every mount of the own namespace, by where it is; what lies over another mount is `#2` and so
 * on. */
void probe_mounts(Facts& facts);

/** Everything below `folder`: type, mode, owner, device number or target. */
void probe_tree(Facts& facts, const std::string& folder);

/** What it is, and whether it can be read and written. */
void probe_path(Facts& facts, const std::string& path);

/** The limits in the own cgroups, as far as /sys/fs/cgroup shows them. */
void probe_cgroup(Facts& facts);

/** The answer of the system call of that name, made with harmless arguments. */
void probe_call(Facts& facts, const std::string& name);

/** Makes a device node `c:10:229` and opens it for reading, then for writing. */
void probe_device(Facts& facts, const std::string& device);

/** Runs a program in a new terminal of 30 rows, copies what it prints, and gives its exit code. */
int run_in_terminal(char** argv);

/**
 * Executes a program to which the system calls named in `calls`, split by commas, answer with
 * `error_name` (ENOSYS, EPERM), as under an older kernel or the filter of a container around it.
 * Throws.
 */
int run_without(const std::string& calls, const std::string& error_name, char** argv);

}  // namespace ocup
