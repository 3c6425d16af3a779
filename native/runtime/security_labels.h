#pragma once

#include <string>

#include "base/unique_fd.h"
#include "runtime/spec.h"

namespace ocup {

/** Throws SpecError when a label is asked for that this machine's kernel has no module for. */
void require_security_modules(const Process& process, const std::string& mount_label);

/** The label that a process takes on when it executes its program. */
struct ExecLabel {
  UniqueFd file;
  std::string text;
};

/**
 * Opens the file of this process that takes the label, while /proc is still the host's: in the
 * container /proc may be anything. Empty when no label is asked for. Throws SysError.
 */
ExecLabel open_exec_label(const Process& process);

/** Writes it, as the last thing before execve. Throws SysError. */
void set_exec_label(const ExecLabel& label);

bool has_apparmor();
bool has_selinux();

}  // namespace ocup
