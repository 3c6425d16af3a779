#pragma once

#include <string>

namespace ocup {

/** The first bytes of a program, or none where it cannot be read. */
std::string read_program_head(const std::string& path);

/**
 * What stands against running a program that begins with `head`, as words to follow the kernel's for `error`:
 * `: its interpreter "/lib/ld.so" is not there`, `: it is built for aarch64`. Empty where there is nothing to say.
 * @see execve(2) ENOENT, ENOEXEC, elf(5)
 */
std::string describe_unfit_program(const std::string& head, int error);

}  // namespace ocup
