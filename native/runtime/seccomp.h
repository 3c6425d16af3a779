#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/unique_fd.h"

namespace ocup {

/** A compiled filter, ready for the kernel. */
struct SeccompFilter {
  /** The bytes of an array of `struct sock_filter`; empty: no filter. */
  std::string program;
  /** SECCOMP_FILTER_FLAG_*. */
  unsigned flags = 0;
  /** Somebody is asked about some of the calls: installing it gives a descriptor to answer by. */
  bool has_listener = false;

  bool is_empty() const { return program.empty(); }
};

/**
 * The filter of linux.seccomp, taken from the cache in `state_root` or compiled and put there. The
 * cache is used only while it is a folder of ours that nobody else can write to. Throws SpecError,
 * SysError.
 */
SeccompFilter load_seccomp_filter(const rapidjson::Value& profile, const std::string& state_root);

/** Whether a rule of the profile asks somebody. Throws SpecError when nobody is named. */
bool has_listener(const JsonNode& profile);

/** Compiles the profile with libseccomp. Throws SpecError naming the field. */
SeccompFilter compile_seccomp(const JsonNode& profile);

/**
 * Puts this process under the filter. Needs no_new_privs or CAP_SYS_ADMIN. Returns the listener, if
 * it has one. Throws SysError.
 */
UniqueFd install_seccomp(const SeccompFilter& filter);

/** `2.5.4` */
std::string libseccomp_version();

/** Names for `features`. */
std::vector<std::string> seccomp_actions();
std::vector<std::string> seccomp_operators();
std::vector<std::string> seccomp_architectures();
std::vector<std::string> seccomp_flags();

}  // namespace ocup
