#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ocup::shim {

struct OverlayConfig {
  /** Top first. */
  std::vector<std::string> lower;
  std::string upper;
  std::string work;
};

struct CopyUpConfig {
  std::string source;
  std::string volume;
};

/** What the supervisor wants of this shim. See `ShimConfig` in src/wire/shim.ts. */
struct ShimConfig {
  std::string id;
  std::string bundle;
  std::string runtime;
  std::string runtime_root;
  /** What another runtime does with a signal is its own business. */
  bool is_own_runtime = false;
  std::optional<OverlayConfig> overlay;
  std::vector<CopyUpConfig> copy_ups;
  /** Empty: output is thrown away. */
  std::string log_path;
  /** 0: no limit. */
  uint64_t log_max_bytes = 0;
  uint64_t log_max_files = 1;
  /** `NAME=value` of each entry for systemd's journal; empty: it gets none. */
  std::vector<std::string> journal;
  bool has_tty = false;
  bool is_stdin_open = false;
};

/** Reads the file at `path`. Throws SysError, SpecError. */
ShimConfig read_config(const std::string& path);

}  // namespace ocup::shim
