#include "runtime/program_file.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/unique_fd.h"

namespace ocup {

namespace {

// A program's headers and the name of its interpreter are in its first page.
constexpr size_t kHeadBytes = 4096;

/** From a name that the program gives; what would not be seen, such as \r, is written out. */
std::string in_quotes(std::string_view name) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "\"";
  for (const char letter : name) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '\r') {
      text += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      text += std::string("\\x") + kDigits[byte >> 4] + kDigits[byte & 15];
    } else {
      text += letter;
    }
  }
  return text + "\"";
}

bool is_elf(const std::string& head) { return head.starts_with(ELFMAG); }

std::string_view script_interpreter(const std::string& head) {
  const std::string_view line = std::string_view(head).substr(2, head.find('\n') - 2);
  const size_t start = line.find_first_not_of(" \t");
  if (start == std::string_view::npos) return {};
  return line.substr(start, line.find_first_of(" \t", start) - start);
}

std::string_view elf_interpreter(const std::string& head) {
  Elf64_Ehdr header;
  if (head.size() < sizeof header || head[EI_CLASS] != ELFCLASS64) return {};
  std::memcpy(&header, head.data(), sizeof header);
  for (size_t index = 0; index < header.e_phnum; ++index) {
    Elf64_Phdr part;
    const size_t place = header.e_phoff + index * sizeof part;
    if (place > head.size() || head.size() - place < sizeof part) return {};
    std::memcpy(&part, head.data() + place, sizeof part);
    if (part.p_type != PT_INTERP) continue;
    if (part.p_offset >= head.size()) return {};
    const std::string_view rest = std::string_view(head).substr(part.p_offset, part.p_filesz);
    return rest.substr(0, rest.find('\0'));
  }
  return {};
}

#if defined(__x86_64__)
constexpr unsigned kOwnMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kOwnMachine = EM_AARCH64;
#else
constexpr unsigned kOwnMachine = EM_NONE;
#endif

std::string machine_name(unsigned machine) {
  constexpr std::pair<unsigned, const char*> kNames[] = {
      {EM_X86_64, "x86-64 (amd64)"}, {EM_386, "x86 (386)"}, {EM_AARCH64, "aarch64 (arm64)"},
      {EM_ARM, "arm"},               {EM_RISCV, "riscv"},   {EM_PPC64, "ppc64"},
      {EM_S390, "s390"},             {EM_MIPS, "mips"},     {EM_LOONGARCH, "loongarch"},
  };
  for (const auto& [known, name] : kNames) {
    if (known == machine) return name;
  }
  return "another processor";
}

/** All formats have the machine at the same place, in the order of bytes that the file says. */
unsigned elf_machine(const std::string& head) {
  constexpr size_t kPlace = offsetof(Elf64_Ehdr, e_machine);
  if (head.size() < kPlace + 2) return EM_NONE;
  const auto first = static_cast<unsigned char>(head[kPlace]);
  const auto second = static_cast<unsigned char>(head[kPlace + 1]);
  const bool is_big = head[EI_DATA] == ELFDATA2MSB;
  return is_big ? first * 256u + second : second * 256u + first;
}

}  // namespace

std::string read_program_head(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return {};
  std::string head(kHeadBytes, '\0');
  const ssize_t length = ::read(file.get(), head.data(), head.size());
  head.resize(length < 0 ? 0 : static_cast<size_t>(length));
  return head;
}

std::string describe_unfit_program(const std::string& head, int error) {
  if (error == ENOENT) {
    const bool is_script = head.starts_with("#!");
    const auto name = is_script      ? script_interpreter(head)
                      : is_elf(head) ? elf_interpreter(head)
                                     : std::string_view();
    return name.empty() ? "" : ": its interpreter " + in_quotes(name) + " is not there";
  }
  if (error != ENOEXEC || !is_elf(head)) return {};
  const unsigned machine = elf_machine(head);
  if (machine == EM_NONE || machine == kOwnMachine || kOwnMachine == EM_NONE) return {};
  return ": it is built for " + machine_name(machine);
}

}  // namespace ocup
