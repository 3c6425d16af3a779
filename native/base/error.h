#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace ocup {

/** A system call that failed. `what()` reads `mount /proc: Operation not permitted`. */
class SysError : public std::runtime_error {
 public:
  SysError(int error_number, std::string_view syscall, std::string_view path = {});

  int error_number() const { return error_number_; }
  const std::string& syscall() const { return syscall_; }
  const std::string& path() const { return path_; }

 private:
  int error_number_;
  std::string syscall_;
  std::string path_;
};

/** Input that breaks its specification; `path` names the field: `process.rlimits[2].type`. */
class SpecError : public std::runtime_error {
 public:
  SpecError(std::string_view path, std::string_view text);

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/** Anything else that a caller did wrong or that cannot be done, worded for people. */
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/**
 * The answer may mean that the call is not to be had at all: ENOSYS of an older kernel or of a
 * seccomp filter around us, EPERM of filters that say so to every call they do not know.
 */
bool is_call_refused(int error_number);

/** `EPERM` for 1; `E#n` for a number the C library does not name. */
std::string errno_name(int error_number);

/** The C library's text for `error_number`. */
std::string errno_text(int error_number);

}  // namespace ocup
