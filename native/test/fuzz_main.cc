// layer-fuzz SECONDS SEED SEEDS LAST ROOT: mutates the files in SEEDS for so long, feeds them to
// fuzz_layer inside ROOT, and keeps the input that is being tried in LAST.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "addon/folder_entries.h"
#include "base/error.h"
#include "base/file.h"
#include "test/layer_fuzz.h"

namespace {

constexpr size_t kBlock = 512;
constexpr size_t kMaxInput = 1 << 20;
/** No input may take longer. */
constexpr unsigned kMaxSeconds = 30;

class Mutator {
 public:
  Mutator(std::vector<std::string> seeds, uint64_t seed)
      : seeds_(std::move(seeds)), random_(seed) {}

  std::string next() {
    std::string input = pick();
    for (size_t count = 1 + below(6); count > 0; --count) mutate(input);
    if (below(8) != 0) repair_checksums(input);
    input.resize(std::min(input.size(), kMaxInput - 1));
    return std::string(1, static_cast<char>(below(256))) + input;
  }

 private:
  size_t below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  const std::string& pick() { return seeds_[below(seeds_.size())]; }
  size_t block_of(const std::string& input) { return below(input.size() / kBlock + 1) * kBlock; }

  void mutate(std::string& input) {
    if (input.empty()) input = pick();
    switch (below(8)) {
      case 0:
        input[below(input.size())] = static_cast<char>(below(256));
        return;
      case 1:
        input[below(input.size())] ^= static_cast<char>(1 << below(8));
        return;
      case 2:
        input.resize(below(input.size()));
        return;
      case 3: {  // a block goes
        const size_t at = std::min(block_of(input), input.size());
        input.erase(at, kBlock * (1 + below(3)));
        return;
      }
      case 4: {  // blocks of another seed, or of its own, come in
        const std::string other = below(2) == 0 ? pick() : input;
        const size_t from = std::min(block_of(other), other.size());
        input.insert(std::min(block_of(input), input.size()),
                     other.substr(from, kBlock * (1 + below(6))));
        return;
      }
      case 5:
        return change_field(input);
      case 6:
        return change_text(input);
      default:
        return change_digits(input);
    }
  }

  /** A field of a header: its type, or one of its numbers or names. */
  void change_field(std::string& input) {
    static const struct {
      size_t at, length;
    } kFields[] = {{0, 100},   {100, 8}, {108, 8}, {116, 8}, {124, 12},  {136, 12}, {156, 1},
                   {157, 100}, {257, 8}, {329, 8}, {337, 8}, {345, 155}, {386, 96}, {482, 13}};
    static const char kTypes[] = "0123456789xgLKSVDX\0";
    const auto& field = kFields[below(std::size(kFields))];
    const size_t at = block_of(input) + field.at;
    if (at + field.length > input.size()) return;
    if (field.length == 1) {
      input[at] = kTypes[below(sizeof kTypes)];
    } else if (below(2) == 0) {
      static const char* const kNumbers[] = {
          "00000000000", "77777777777",      "-1",      "00000001000",
          "\x80",        "\xff\xff\xff\xff", "4294967", "9"};
      const std::string number = kNumbers[below(std::size(kNumbers))];
      input.replace(at, std::min(number.size(), field.length), number, 0, field.length);
    } else {
      for (size_t i = 0; i < field.length; ++i) {
        if (below(8) == 0) input[at + i] = static_cast<char>(below(256));
      }
    }
  }

  void change_text(std::string& input) {
    static const char* const kTexts[] = {"../",
                                         "/",
                                         "a/../../",
                                         ".wh.",
                                         ".wh..wh..opq",
                                         "./",
                                         "SCHILY.xattr.user.a=b\n",
                                         "12 path=../x\n",
                                         "9 size=5\n",
                                         "30 GNU.sparse.map=0,1,9999999\n",
                                         "19 GNU.sparse.major=1",
                                         "20 GNU.sparse.minor=0",
                                         "proc/self/root/",
                                         "mtime=-1.9",
                                         "\n",
                                         "=",
                                         "link/"};
    const std::string text = kTexts[below(std::size(kTexts))];
    const size_t at = below(input.size());
    input.replace(at, std::min(text.size(), input.size() - at), text);
  }

  /** Numbers in pax records and maps. */
  void change_digits(std::string& input) {
    const size_t start = below(input.size());
    const size_t at = input.find_first_of("0123456789", start);
    if (at != std::string::npos) input[at] = static_cast<char>('0' + below(10));
  }

  /** Else a reader would look at little more than headers with wrong sums. */
  static void repair_checksums(std::string& input) {
    for (size_t at = 0; at + kBlock <= input.size(); at += kBlock) {
      char* const header = input.data() + at;
      if (std::memcmp(header + 257, "ustar", 5) != 0) continue;
      std::memset(header + 148, ' ', 8);
      unsigned sum = 0;
      for (size_t i = 0; i < kBlock; ++i) sum += static_cast<unsigned char>(header[i]);
      std::snprintf(header + 148, 8, "%06o", sum & 0777777u);
    }
  }

  const std::vector<std::string> seeds_;
  std::mt19937_64 random_;
};

std::vector<std::string> read_seeds(const std::string& folder) {
  std::vector<std::string> seeds;
  for (const std::string& name : ocup::list_folder(AT_FDCWD, folder)) {
    seeds.push_back(ocup::read_file(folder + "/" + name, kMaxInput));
  }
  return seeds;
}

/** Memory that outlives a crash. */
char* map_last(const char* path) {
  const ocup::UniqueFd fd = ocup::open_file(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (::ftruncate(fd.get(), kMaxInput) < 0) throw ocup::SysError(errno, "ftruncate", path);
  void* const memory = ::mmap(nullptr, kMaxInput, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) throw ocup::SysError(errno, "mmap", path);
  return static_cast<char*>(memory);
}

/** ROOT with `/below` and `/proc`; whatever is written with an absolute name is then seen there. */
void enter_root(const std::string& root) {
  const auto check = [](int result, const char* what) {
    if (result < 0) throw ocup::SysError(errno, what);
  };
  check(::unshare(CLONE_NEWNS), "unshare");
  check(::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mount");
  check(::mount("fuzz", root.c_str(), "tmpfs", 0, "size=256m"), "mount");
  for (const char* name : {"/below", "/below/lib", "/below/etc", "/proc"})
    check(::mkdir((root + name).c_str(), 0755), "mkdir");
  check(::symlink("/lib", (root + "/below/link").c_str()), "symlink");
  ocup::write_file_atomic(root + "/below/etc/name", "below", 0644);
  check(::mount("/proc", (root + "/proc").c_str(), nullptr, MS_BIND | MS_REC, nullptr), "mount");
  check(::chroot(root.c_str()), "chroot");
  check(::chdir("/"), "chdir");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const time_t seconds = std::atoi(argv[1]);
  Mutator mutator(read_seeds(argv[3]), std::strtoull(argv[2], nullptr, 10));
  char* const last = map_last(argv[4]);
  enter_root(argv[5]);
  const time_t end = ::time(nullptr) + seconds;
  unsigned long count = 0;
  for (; ::time(nullptr) < end; ++count) {
    const std::string input = mutator.next();
    std::memset(last, 0, kMaxInput);
    std::memcpy(last, input.data(), input.size());
    ::alarm(kMaxSeconds);
    ocup::fuzz_layer(input);
  }
  std::printf("%lu inputs\n", count);
  return 0;
}
