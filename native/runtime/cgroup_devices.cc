#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup.h"

namespace ocup {

namespace {

bool is_everything(const DeviceRule& rule) { return rule.type == 'a'; }

/** How many rules have no effect, since a later one is about everything. */
size_t overruled_count(const std::vector<DeviceRule>& rules) {
  size_t count = rules.size();
  while (count > 0 && !is_everything(rules[count - 1])) --count;
  return count;
}

bool allows_everything(const std::vector<DeviceRule>& rules) {
  const size_t count = overruled_count(rules);
  return count > 0 && rules[count - 1].allow;
}

bool overlaps(int64_t a, int64_t b) { return a < 0 || b < 0 || a == b; }

bool covers(int64_t whole, int64_t part) { return whole < 0 || whole == part; }

bool overlaps(const DeviceRule& a, const DeviceRule& b) {
  return a.type == b.type && overlaps(a.major, b.major) && overlaps(a.minor, b.minor) &&
         a.access.find_first_of(b.access) != std::string::npos;
}

std::string rule_text(const DeviceRule& rule) {
  const auto number = [](int64_t value) { return value < 0 ? "*" : std::to_string(value); };
  return std::string(1, rule.type) + " " + number(rule.major) + ":" + number(rule.minor) + " " +
         rule.access;
}

// man 2 bpf: a program of type CGROUP_DEVICE is given {u32 access_type; u32 major; u32 minor} in r1
// and answers 1 to allow. access_type holds the kind of device in its low half and the access in
// its high half.
class DeviceProgram {
 public:
  DeviceProgram() {
    load(BPF_REG_2, 0);
    move(BPF_REG_3, BPF_REG_2);
    emit(BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
    emit(BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
    load(BPF_REG_4, 4);
    load(BPF_REG_5, 8);
  }

  /**
   * Rules are tried from the last to the first. Of each access that is asked for, the first rule
   * that fits decides: what has been allowed is taken out of R3, and nothing left means yes.
   */
  void add(const DeviceRule& rule) {
    std::vector<size_t> misses;
    misses.push_back(jump_unless_equal(
        BPF_REG_2, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR));
    if (rule.major >= 0) {
      misses.push_back(jump_unless_equal(BPF_REG_4, static_cast<int32_t>(rule.major)));
    }
    if (rule.minor >= 0) {
      misses.push_back(jump_unless_equal(BPF_REG_5, static_cast<int32_t>(rule.minor)));
    }
    const int access = access_bits(rule.access);
    if (rule.allow) {
      emit(BPF_ALU | BPF_AND | BPF_K, BPF_REG_3, 0, 0, ~access);
      misses.push_back(jump_unless_equal(BPF_REG_3, 0));
    } else {
      move(BPF_REG_1, BPF_REG_3);
      emit(BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, 0, access);
      misses.push_back(program_.size());
      emit(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 0, 0);
    }
    answer(rule.allow);
    for (const size_t at : misses) {
      program_[at].off = static_cast<int16_t>(program_.size() - at - 1);
    }
  }

  void answer(bool allow) {
    emit(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow ? 1 : 0);
    emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  }

  const std::vector<bpf_insn>& instructions() const { return program_; }

 private:
  static int access_bits(const std::string& access) {
    int bits = 0;
    for (const char c : access) {
      bits |= c == 'r' ? BPF_DEVCG_ACC_READ : c == 'w' ? BPF_DEVCG_ACC_WRITE : BPF_DEVCG_ACC_MKNOD;
    }
    return bits;
  }

  void emit(int code, int to, int from, int offset, int32_t value) {
    bpf_insn instruction = {};
    instruction.code = static_cast<uint8_t>(code);
    instruction.dst_reg = static_cast<uint8_t>(to & 0xf);
    instruction.src_reg = static_cast<uint8_t>(from & 0xf);
    instruction.off = static_cast<int16_t>(offset);
    instruction.imm = value;
    program_.push_back(instruction);
  }

  void load(int to, int offset) { emit(BPF_LDX | BPF_W | BPF_MEM, to, BPF_REG_1, offset, 0); }
  void move(int to, int from) { emit(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0); }

  size_t jump_unless_equal(int reg, int32_t value) {
    emit(BPF_JMP | BPF_JNE | BPF_K, reg, 0, 0, value);
    return program_.size() - 1;
  }

  std::vector<bpf_insn> program_;
};

long bpf(int command, union bpf_attr& attr) {
  return ::syscall(SYS_bpf, command, &attr, sizeof attr);
}

UniqueFd load_program(const std::vector<bpf_insn>& instructions) {
  static constexpr char kLicense[] = "Apache-2.0";
  union bpf_attr attr = {};
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = reinterpret_cast<uint64_t>(instructions.data());
  attr.insn_cnt = static_cast<uint32_t>(instructions.size());
  attr.license = reinterpret_cast<uint64_t>(kLicense);
  const long fd = bpf(BPF_PROG_LOAD, attr);
  if (fd < 0) throw SysError(errno, "bpf", "BPF_PROG_LOAD of the device rules");
  return UniqueFd(static_cast<int>(fd));
}

/** The programs attached to the cgroup, oldest first. */
std::vector<uint32_t> attached_programs(int cgroup_fd) {
  std::vector<uint32_t> ids(64);
  union bpf_attr attr = {};
  attr.query.target_fd = static_cast<uint32_t>(cgroup_fd);
  attr.query.attach_type = BPF_CGROUP_DEVICE;
  attr.query.prog_ids = reinterpret_cast<uint64_t>(ids.data());
  attr.query.prog_cnt = static_cast<uint32_t>(ids.size());
  if (bpf(BPF_PROG_QUERY, attr) < 0) return {};
  ids.resize(attr.query.prog_cnt);
  return ids;
}

void detach_program(int cgroup_fd, uint32_t id) {
  union bpf_attr open = {};
  open.prog_id = id;
  const UniqueFd program(static_cast<int>(bpf(BPF_PROG_GET_FD_BY_ID, open)));
  if (!program) return;
  union bpf_attr attr = {};
  attr.target_fd = static_cast<uint32_t>(cgroup_fd);
  attr.attach_bpf_fd = static_cast<uint32_t>(program.get());
  attr.attach_type = BPF_CGROUP_DEVICE;
  bpf(BPF_PROG_DETACH, attr);
}

}  // namespace

std::vector<DeviceRule> with_default_devices(std::vector<DeviceRule> rules) {
  // Where all are allowed these are too, and one that is denied stays denied.
  if (allows_everything(rules)) return rules;
  // Making a node for any device does no harm without the right to open it.
  const DeviceRule defaults[] = {
      {true, 'c', -1, -1, "m"}, {true, 'b', -1, -1, "m"},    {true, 'c', 1, 3, "rwm"},
      {true, 'c', 1, 8, "rwm"}, {true, 'c', 1, 7, "rwm"},    {true, 'c', 5, 0, "rwm"},
      {true, 'c', 1, 5, "rwm"}, {true, 'c', 1, 9, "rwm"},    {true, 'c', 136, -1, "rwm"},
      {true, 'c', 5, 2, "rwm"}, {true, 'c', 10, 200, "rwm"},
  };
  rules.insert(rules.end(), std::begin(defaults), std::end(defaults));
  return rules;
}

void apply_device_rules_v1(const CgroupFolder& folder, const std::vector<DeviceRule>& rules) {
  const size_t first = overruled_count(rules);
  const bool allows_all = allows_everything(rules);
  const std::string path = folder.folder();
  const UniqueFd allow = open_file(path + "/devices.allow", O_WRONLY);
  const UniqueFd deny = open_file(path + "/devices.deny", O_WRONLY);
  write_all(allows_all ? allow.get() : deny.get(), "a", path);
  for (size_t i = first; i < rules.size(); ++i) {
    const int target = rules[i].allow ? allow.get() : deny.get();
    if (rules[i].allow != allows_all) {
      write_all(target, rule_text(rules[i]), path);
      continue;
    }
    // The kernel takes back only what was said of the very same numbers, and is silent otherwise.
    for (size_t before = first; before < i; ++before) {
      DeviceRule taken = rules[before];
      if (taken.allow == rules[i].allow || !overlaps(taken, rules[i])) continue;
      if (!covers(rules[i].major, taken.major) || !covers(rules[i].minor, taken.minor)) {
        throw SpecError("linux.resources.devices", "cgroup version 1 cannot take " +
                                                       rule_text(rules[i]) + " out of " +
                                                       rule_text(taken));
      }
      taken.access = rules[i].access;
      write_all(target, rule_text(taken), path);
    }
  }
}

void apply_device_rules_v2(const CgroupFolder& folder, const std::vector<DeviceRule>& rules) {
  DeviceProgram program;
  const size_t first = overruled_count(rules);
  for (size_t i = rules.size(); i > first; --i) program.add(rules[i - 1]);
  program.answer(allows_everything(rules));
  const UniqueFd loaded = load_program(program.instructions());
  const UniqueFd cgroup = open_file(folder.folder(), O_RDONLY | O_DIRECTORY);
  const std::vector<uint32_t> earlier = attached_programs(cgroup.get());
  union bpf_attr attr = {};
  attr.target_fd = static_cast<uint32_t>(cgroup.get());
  attr.attach_bpf_fd = static_cast<uint32_t>(loaded.get());
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  if (bpf(BPF_PROG_ATTACH, attr) < 0)
    throw SysError(errno, "bpf", "BPF_PROG_ATTACH to " + folder.folder());
  // All attached programs have to agree: the earlier ones go only now, so that there is no moment
  // without.
  for (const uint32_t id : earlier) detach_program(cgroup.get(), id);
}

}  // namespace ocup
