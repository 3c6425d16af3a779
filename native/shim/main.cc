#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <span>
#include <string>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "shim/clock.h"
#include "shim/config.h"
#include "shim/container.h"
#include "shim/copy_up.h"
#include "shim/root_mount.h"
#include "shim/server.h"
#include "shim/spawn.h"

// Set by the linker: where the program was loaded.
extern "C" const ElfW(Ehdr) __ehdr_start;

namespace ocup::shim {

namespace {

constexpr int kReadyFd = 3;
constexpr int64_t kFlushMs = 2000;

/** Cuts every tie to whoever started us. */
void detach() {
  ::setsid();  // fails for a session leader, which is what we want to be
  ::prctl(PR_SET_NAME, "ocup-shim");
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) throw SysError(errno, "prctl");
  // SIGCHLD is read from a descriptor; no other signal but SIGKILL ends a shim: `delete` does.
  sigset_t signals;
  ::sigfillset(&signals);
  for (const int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) ::sigdelset(&signals, fault);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGCHLD, SIG_DFL);
  close_descriptors(kReadyFd + 1, ~0u);
  const UniqueFd null = open_file("/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
  ::umask(022);
  if (::chdir("/") < 0) throw SysError(errno, "chdir", "/");
}

void tell(int fd, const std::string& line) {
  const std::string text = line + "\n";
  // Nobody to read it is no reason to end: the next supervisor asks for the state.
  (void)!::write(fd, text.data(), text.size());
}

void tell_error(int fd, const char* kind, const std::string& message) {
  JsonWriter writer;
  writer.begin_object().key("error").begin_object();
  writer.key("kind").string(kind).key("message").string(message);
  tell(fd, writer.end_object().end_object().text());
}

void prepare_root(const ShimConfig& config) {
  mount_root(config);
  for (const CopyUpConfig& copy : config.copy_ups) {
    copy_up(config.bundle + "/rootfs", copy.source, copy.volume);
  }
}

/** Gives back what a shim that only waits does not need: most of the time it is one of many. */
void release_memory() {
  ::malloc_trim(0);
  // Code and constants are mapped from their file: what is needed again comes from the page cache.
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto base = reinterpret_cast<uintptr_t>(&__ehdr_start);
  const auto* segments = reinterpret_cast<const ElfW(Phdr)*>(base + __ehdr_start.e_phoff);
  const uintptr_t moved_by = __ehdr_start.e_type == ET_DYN ? base : 0;
  for (const ElfW(Phdr) & segment : std::span(segments, __ehdr_start.e_phnum)) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t start = (moved_by + segment.p_vaddr) & ~(page - 1);
    const uintptr_t end = moved_by + segment.p_vaddr + segment.p_memsz;
    ::madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
  }
}

/** A program error, on disk because there is nobody else to tell. */
void record_fault(const RunFolder& folder, const char* text) {
  const UniqueFd fd(
      ::open(folder.path("faults.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string line = timestamp() + " " + text + "\n";
  if (fd) (void)!::write(fd.get(), line.data(), line.size());
}

/** Runs until the container is removed, or could not be made (1). */
int run(RunFolder& folder, const ShimConfig& config, UniqueFd& ready) {
  int exit_code = 0;
  EventLoop loop;
  Reaper reaper(loop);
  Container container(loop, reaper, folder, config);
  Server server(loop, folder, container, [&] {
    unmount_root(config);
    folder.remove_all();
    loop.stop();
  });
  container.create([&](const std::string* error) {
    if (error == nullptr) {
      JsonWriter writer;
      tell(ready.get(),
           writer.begin_object().key("pid").integer(container.pid()).end_object().text());
    } else {
      unmount_root(config);
      folder.remove("shim.sock");
      tell_error(ready.get(), classify_error(*error), *error);
      exit_code = 1;
      loop.stop();
    }
    ready.reset();
  });
  loop.run({[&](const char* text) { record_fault(folder, text); }, release_memory});
  server.flush(kFlushMs);
  return exit_code;
}

int run_guarded(const std::string& path, UniqueFd ready) {
  const char* kind = "system";
  try {
    detach();
    RunFolder folder(path);
    const ShimConfig config = read_config(folder.path("shim.json"));
    enter_mount_namespace();
    kind = "mount";
    try {
      prepare_root(config);
      kind = "system";
      return run(folder, config, ready);
    } catch (...) {
      unmount_root(config);
      folder.remove("shim.sock");
      throw;
    }
  } catch (const std::exception& error) {
    if (ready) tell_error(ready.get(), kind, error.what());
    return 1;
  }
}

}  // namespace

}  // namespace ocup::shim

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] != '/') {
    ::dprintf(STDERR_FILENO, "usage: ocup-shim RUN-FOLDER, with descriptor 3 for the answer\n");
    return 2;
  }
  if (::fcntl(3, F_SETFD, FD_CLOEXEC) < 0) {
    ::dprintf(STDERR_FILENO, "ocup-shim: descriptor 3 is not open\n");
    return 2;
  }
  ocup::shim::note_command_line(argc, argv);
  return ocup::shim::run_guarded(argv[1], ocup::UniqueFd(3));
}
