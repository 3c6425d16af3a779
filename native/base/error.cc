#include "base/error.h"

#include <cerrno>
#include <cstring>

namespace ocup {

namespace {

std::string sys_message(int error_number, std::string_view syscall, std::string_view path) {
  std::string message(syscall);
  if (!path.empty()) message.append(" ").append(path);
  return message.append(": ").append(errno_text(error_number));
}

std::string spec_message(std::string_view path, std::string_view text) {
  return std::string(path).append(path.empty() ? "" : ": ").append(text);
}

}  // namespace

SysError::SysError(int error_number, std::string_view syscall, std::string_view path)
    : std::runtime_error(sys_message(error_number, syscall, path)),
      error_number_(error_number),
      syscall_(syscall),
      path_(path) {}

SpecError::SpecError(std::string_view path, std::string_view text)
    : std::runtime_error(spec_message(path, text)), path_(path) {}

bool is_call_refused(int error_number) { return error_number == ENOSYS || error_number == EPERM; }

std::string errno_name(int error_number) {
  const char* name = ::strerrorname_np(error_number);
  return name != nullptr ? name : "E#" + std::to_string(error_number);
}

std::string errno_text(int error_number) {
  const char* text = ::strerrordesc_np(error_number);
  return text != nullptr ? text : "error " + std::to_string(error_number);
}

}  // namespace ocup
