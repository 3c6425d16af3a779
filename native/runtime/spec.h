#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace ocup {

// config.json of the OCI runtime specification as the runtime uses it: names resolved to the
// kernel's numbers, everything checked. Where the specification has a default it is filled in.

/** CLONE_NEWTIME, which the C library's headers may lack. */
constexpr int kTimeNamespace = 0x00000080;

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::optional<mode_t> umask;
  std::vector<gid_t> additional_gids;
};

/** Bit n is capability n. */
struct CapabilitySets {
  uint64_t bounding = 0;
  uint64_t effective = 0;
  uint64_t permitted = 0;
  uint64_t inheritable = 0;
  uint64_t ambient = 0;
};

struct Rlimit {
  int resource;
  uint64_t soft;
  uint64_t hard;
};

struct ConsoleSize {
  uint16_t height;
  uint16_t width;
};

struct IoPriority {
  int priority_class;
  int priority;
};

struct Scheduler {
  uint32_t policy;
  int32_t nice;
  uint32_t priority;
  uint64_t flags;
  uint64_t runtime;
  uint64_t deadline;
  uint64_t period;
};

/** linux.memoryPolicy, as man 2 set_mempolicy takes it. */
struct MemoryPolicy {
  /** MPOL_* with its MPOL_F_*. */
  int mode;
  std::vector<unsigned> nodes;
};

/** Where a process that joins runs: before and after it is in the container's cgroup. */
struct CpuAffinity {
  std::vector<unsigned> initial;
  std::vector<unsigned> final;
};

struct Process {
  bool has_terminal = false;
  std::optional<ConsoleSize> console_size;
  User user;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::string cwd;
  CapabilitySets capabilities;
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj;
  std::optional<IoPriority> io_priority;
  std::optional<Scheduler> scheduler;
  CpuAffinity exec_affinity;
  std::string apparmor_profile;
  std::string selinux_label;
};

/** What the options of one mount come to. */
struct MountOptions {
  /** MOUNT_ATTR_* to set and clear on the mount itself. */
  uint64_t set = 0;
  uint64_t clear = 0;
  /** The same for it and all mounts below it. */
  uint64_t recursive_set = 0;
  uint64_t recursive_clear = 0;
  /** MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, each perhaps with MS_REC, in the order
   * given. */
  std::vector<unsigned long> propagation;
  bool is_bind = false;
  bool is_recursive = false;
  bool copies_up = false;
  bool is_id_mapped = false;
  /** The mounts below it are mapped as well. */
  bool is_id_mapped_recursively = false;
  /** Options of the file system itself: `size=64k`, `ro`. */
  std::vector<std::string> data;
};

struct IdMapping {
  uint32_t container_id;
  uint32_t host_id;
  uint32_t size;
};

struct Mount {
  std::string destination;
  std::string type;
  std::string source;
  MountOptions options;
  /** Of an id-mapped mount; empty: those of the container's user namespace. */
  std::vector<IdMapping> uid_mappings, gid_mappings;
};

struct Namespace {
  /** CLONE_NEW*. */
  int flag;
  /** Empty: make a new one. */
  std::string path;
};

struct TimeOffset {
  std::string clock;
  int64_t seconds;
  uint32_t nanoseconds;
};

struct Device {
  /** 'c', 'b' or 'p'. */
  char type;
  std::string path;
  unsigned major;
  unsigned minor;
  mode_t mode;
  uid_t uid;
  gid_t gid;
};

/** linux.netDevices: a device of the host that moves into the container's network namespace. */
struct NetDevice {
  std::string name;
  std::string name_inside;
};

/** A rule of the device cgroup; -1 stands for any number. */
struct DeviceRule {
  bool allow;
  /** 'a', 'c' or 'b'. */
  char type;
  int64_t major;
  int64_t minor;
  std::string access;
};

struct ThrottleDevice {
  unsigned major;
  unsigned minor;
  uint64_t rate;
};

struct Resources {
  std::optional<int64_t> memory_limit, memory_swap, memory_reservation, kernel_memory;
  std::optional<uint64_t> swappiness;
  bool disables_oom_killer = false;
  /** A memory limit below what is in use is refused. */
  bool checks_before_update = false;
  std::optional<uint64_t> cpu_shares, cpu_period, cpu_realtime_period, cpu_burst;
  std::optional<int64_t> cpu_quota, cpu_realtime_runtime, cpu_idle;
  std::string cpus, mems;
  std::optional<int64_t> pids_limit;
  std::optional<uint64_t> blkio_weight, blkio_leaf_weight;
  struct WeightDevice {
    unsigned major, minor;
    std::optional<uint64_t> weight, leaf_weight;
  };
  std::vector<WeightDevice> weight_devices;
  std::vector<ThrottleDevice> read_bps, write_bps, read_iops, write_iops;
  std::vector<std::pair<std::string, uint64_t>> hugepage_limits;
  std::optional<uint64_t> network_class;
  std::vector<std::pair<std::string, uint64_t>> network_priorities;
  std::vector<std::pair<std::string, std::string>> unified;
  /** Lines of rdma.max: `mlx5_1 hca_handle=3`. */
  std::vector<std::string> rdma_limits;
  std::vector<DeviceRule> devices;
};

struct Hook {
  std::string path;
  std::vector<std::string> args;
  std::vector<std::string> env;
  int timeout_ms = 0;
};

struct Hooks {
  std::vector<Hook> prestart, create_runtime, create_container, start_container, poststart,
      poststop;
};

struct Spec {
  std::string oci_version;
  std::string root_path;
  bool is_root_readonly = false;
  std::string hostname;
  std::string domainname;
  std::optional<Process> process;
  std::vector<Mount> mounts;
  Hooks hooks;
  std::vector<std::pair<std::string, std::string>> annotations;
  std::vector<Namespace> namespaces;
  std::vector<IdMapping> uid_mappings, gid_mappings;
  std::vector<TimeOffset> time_offsets;
  std::vector<Device> devices;
  Resources resources;
  std::string cgroups_path;
  std::vector<std::pair<std::string, std::string>> sysctl;
  std::vector<std::string> masked_paths, readonly_paths;
  /** MS_* of linux.rootfsPropagation; 0 when it is not given. */
  unsigned long rootfs_propagation = 0;
  std::optional<unsigned long> personality;
  std::optional<MemoryPolicy> memory_policy;
  std::vector<NetDevice> net_devices;
  std::string mount_label;
  /** linux.seccomp, which `seccomp.h` reads; lives as long as the document does. */
  const rapidjson::Value* seccomp = nullptr;

  bool has_namespace(int flag) const;
  /** True when a new namespace of that kind is to be made. */
  bool makes_namespace(int flag) const;
};

/** Reads and checks a whole config.json. Throws SpecError with the field's path. */
Spec parse_spec(const rapidjson::Value& root);

/** The member `process` of config.json, or a process.json as `exec --process` takes it. */
Process parse_process(const JsonNode& node);

/** The member `linux.resources`, or the document that `update --resources` takes. */
Resources parse_resources(const JsonNode& node);

/** Fails with `why` when the member is there and holds anything. */
void refuse_member(const JsonNode& node, const char* name, const char* why);

/** A list of numbers as the kernel writes CPUs and nodes: `0-3,7`. */
std::vector<unsigned> parse_number_list(const JsonNode& node, unsigned most);

/** The array of id mappings of that name. */
std::vector<IdMapping> parse_mappings(const JsonNode& node, const char* name);

MountOptions parse_mount_options(const JsonNode& list, const std::string& type);

/** The member `linux`. */
void parse_linux(const JsonNode& node, Spec& spec);

/** The number of `CAP_CHOWN`. */
std::optional<int> find_capability(std::string_view name);
const char* capability_name(int number);
/** RLIMIT_* of `RLIMIT_NOFILE`. */
std::optional<int> find_rlimit(std::string_view name);
/** MPOL_* of `MPOL_BIND`, MPOL_F_* of `MPOL_F_STATIC_NODES`. */
std::optional<int> find_memory_policy_mode(std::string_view name);
std::optional<int> find_memory_policy_flag(std::string_view name);
/** CLONE_NEW* of `pid`. */
std::optional<int> find_namespace(std::string_view type);
/** The name below /proc/<pid>/ns. */
const char* namespace_file(int flag);
/** Names for `features`. */
std::vector<std::string> memory_policy_modes();
std::vector<std::string> memory_policy_flags();
/** Every option that `parse_mount_options` gives a meaning to, for `features`. */
std::vector<std::string> known_mount_options();

}  // namespace ocup
