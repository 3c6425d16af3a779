#include "shim/process_io.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

#include "base/error.h"

namespace ocup::shim {

namespace {

constexpr size_t kMaxErrorBytes = 4096;

UniqueFd duplicate(const UniqueFd& fd) {
  UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy) throw SysError(errno, "fcntl");
  return copy;
}

}  // namespace

ProcessIo::ProcessIo(RunFolder& folder, bool has_tty, bool has_stdin) : has_stdin_(has_stdin) {
  if (has_tty) {
    console_.emplace(folder);
    error_.reset(::memfd_create("runtime-stderr", MFD_CLOEXEC));
    child_error_ = duplicate(error_);
    return;
  }
  Pipe output = make_pipe();
  Pipe error = make_pipe();
  output_ = std::move(output.read_end);
  child_output_ = std::move(output.write_end);
  error_ = std::move(error.read_end);
  child_error_ = std::move(error.write_end);
  if (!has_stdin) return;
  Pipe input = make_pipe();
  input_ = std::move(input.write_end);
  child_input_ = std::move(input.read_end);
}

ChildStdio ProcessIo::child_stdio() const {
  return {child_input_.get(), child_output_.get(), child_error_.get()};
}

std::string ProcessIo::read_errors() const {
  std::string text(kMaxErrorBytes, '\0');
  ssize_t count = 0;
  if (has_console()) {
    count = ::pread(error_.get(), text.data(), text.size(), 0);
  } else {
    set_nonblocking(error_.get());
    count = ::read(error_.get(), text.data(), text.size());
  }
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return text;
}

void ProcessIo::connect() {
  child_input_.reset();
  child_output_.reset();
  child_error_.reset();
  if (!console_) return;
  terminal_ = console_->take_terminal();
  console_.reset();
  error_.reset();
  output_ = duplicate(terminal_);
  if (has_stdin_) input_ = duplicate(terminal_);
}

}  // namespace ocup::shim
