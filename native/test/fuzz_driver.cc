#include <sanitizer/common_interface_defs.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <string>
#include <vector>

#include "base/file.h"
#include "test/fuzz_target.h"
#include "test/json_mutator.h"

namespace {

constexpr size_t kEdges = 1u << 16;
/** An input that takes longer hangs. */
constexpr unsigned kMaxSeconds = 20;

// Written at every edge and read when something goes wrong: plain globals, as every call from here
// would be at an edge itself.
bool reached[kEdges];
size_t reached_count = 0;
uintptr_t last_place = 0;
bool is_watching = false;
const std::string* current_input = nullptr;
const char* crash_file = nullptr;

void save_input() {
  if (current_input == nullptr) return;
  const std::string* input = std::exchange(current_input, nullptr);
  FILE* file = std::fopen(crash_file, "w");
  if (file == nullptr) return;
  std::fwrite(input->data(), 1, input->size(), file);
  std::fclose(file);
}

void on_timeout(int) {
  static const char text[] = "an input took too long\n";
  if (::write(STDERR_FILENO, text, sizeof text - 1) > 0) save_input();
  std::abort();
}

void on_uncaught() {
  try {
    throw;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "uncaught: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "uncaught exception\n");
  }
  save_input();
  std::abort();
}

/** True when it reached an edge that no input reached before. */
bool run_one(const std::string& input) {
  const size_t before = reached_count;
  current_input = &input;
  ::alarm(kMaxSeconds);
  is_watching = true;
  ocup::fuzz_one(input);
  is_watching = false;
  ::alarm(0);
  current_input = nullptr;
  return reached_count > before;
}

unsigned long number(const char* text) {
  unsigned long value = 0;
  const std::string_view digits = text;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value);
  if (error == std::errc() && end == digits.end()) return value;
  std::fprintf(stderr, "not a number: %s\n", text);
  std::exit(2);
}

double seconds_now() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

extern "C" __attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc() {
  if (!is_watching) return;
  const auto place = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  const size_t edge = (place ^ (last_place << 1)) % kEdges;
  last_place = place;
  if (reached[edge]) return;
  reached[edge] = true;
  ++reached_count;
}

int main(int argc, char** argv) {
  if (argc < 6 || !ocup::choose_target(argv[1])) {
    std::fprintf(stderr, "usage: %s TARGET SECONDS SEED CRASH_FILE CORPUS_FILE...\n", argv[0]);
    return 2;
  }
  ++argv;
  --argc;
  const double end = seconds_now() + static_cast<double>(number(argv[1]));
  ocup::Random random(number(argv[2]));
  crash_file = argv[3];
  __sanitizer_set_death_callback(save_input);
  std::set_terminate(on_uncaught);
  ::signal(SIGALRM, on_timeout);
  std::vector<std::string> corpus;
  for (int i = 4; i < argc; ++i) corpus.push_back(ocup::read_file(argv[i]));
  for (const auto& input : std::vector(corpus)) run_one(input);
  unsigned long count = 0;
  for (; seconds_now() < end; ++count) {
    // What was kept last has been changed least.
    const size_t back = ocup::below(random, 1 + ocup::below(random, corpus.size()));
    std::string input = ocup::mutate(corpus[corpus.size() - 1 - back], corpus, random);
    if (run_one(input)) corpus.push_back(std::move(input));
  }
  std::printf("%lu inputs, %zu edges, %zu kept, seed %s\n", count, reached_count,
              corpus.size() - static_cast<size_t>(argc - 4), argv[2]);
  return 0;
}
