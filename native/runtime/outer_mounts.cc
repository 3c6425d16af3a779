#include "runtime/outer_mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/file.h"
#include "runtime/clone_process.h"
#include "base/mount_calls.h"

namespace ocup {

namespace {

/** A process that lives in a new user namespace until this object goes. */
class NamespaceHolder {
 public:
  NamespaceHolder() {
    ClonePlan plan;
    plan.flags = CLONE_NEWUSER;
    pid_ = clone_process(plan).pid;
    if (pid_ != 0) return;
    // Whatever happens to the runtime, nobody stays behind.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (;;) ::pause();
  }
  NamespaceHolder(const NamespaceHolder&) = delete;
  NamespaceHolder& operator=(const NamespaceHolder&) = delete;
  ~NamespaceHolder() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

UniqueFd make_user_namespace(const std::vector<IdMapping>& uids,
                             const std::vector<IdMapping>& gids) {
  const NamespaceHolder holder;
  write_id_maps(holder.pid(), uids, gids);
  return open_file("/proc/" + std::to_string(holder.pid()) + "/ns/user", O_RDONLY);
}

/** The mappings of the container itself, whose namespace is not there yet or somewhere else. */
UniqueFd container_user_namespace(const Spec& spec) {
  for (const auto& space : spec.namespaces) {
    if (space.flag != CLONE_NEWUSER) continue;
    if (!space.path.empty()) return open_file(space.path, O_RDONLY);
  }
  return make_user_namespace(spec.uid_mappings, spec.gid_mappings);
}

std::string source_path(const Mount& mount, const std::string& bundle) {
  return mount.source.starts_with("/") ? mount.source : bundle + "/" + mount.source;
}

/** A failure is kept: in the container there may be a source that is not there out here. */
OuterMount copy_source(const Mount& mount, const std::string& bundle) {
  try {
    return {clone_mount(AT_FDCWD, source_path(mount, bundle), mount.options.is_recursive), 0};
  } catch (const SysError& error) {
    return {UniqueFd(), error.error_number()};
  }
}

UniqueFd make_one(const Spec& spec, const std::string& bundle, const Mount& mount) {
  const UniqueFd user_ns = mount.uid_mappings.empty()
                               ? container_user_namespace(spec)
                               : make_user_namespace(mount.uid_mappings, mount.gid_mappings);
  const std::string path = source_path(mount, bundle);
  UniqueFd copy = clone_mount(AT_FDCWD, path, mount.options.is_recursive);
  try {
    map_mount_ids(copy.get(), user_ns.get(), mount.options.is_id_mapped_recursively, path);
  } catch (const SysError& error) {
    if (error.error_number() != EINVAL && error.error_number() != EPERM) throw;
    throw UserError("cannot map the ids of the mount at \"" + mount.destination +
                    "\": the file system of " + path + " does not support it for this user (" +
                    errno_text(error.error_number()) + ")");
  }
  return copy;
}

}  // namespace

std::vector<OuterMount> make_outer_mounts(const Spec& spec, const std::string& bundle) {
  std::vector<OuterMount> mounts;
  for (size_t i = 0; i < spec.mounts.size(); ++i) {
    const Mount& mount = spec.mounts[i];
    const bool may_be_closed = mount.options.is_bind && spec.has_namespace(CLONE_NEWUSER);
    if (!mount.options.is_id_mapped && !may_be_closed) continue;
    mounts.resize(spec.mounts.size());
    mounts[i] = mount.options.is_id_mapped ? OuterMount{make_one(spec, bundle, mount), 0}
                                           : copy_source(mount, bundle);
  }
  return mounts;
}

}  // namespace ocup
