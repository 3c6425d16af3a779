#include <dlfcn.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "addon/addon.h"
#include "addon/promise_worker.h"
#include "base/error.h"

struct nft_ctx;

namespace ocup {

namespace {

constexpr const char* kLibrary = "libnftables.so.1";

/** libnftables, loaded when it is first needed: a machine without it can do all but publish by the
 * kernel. */
class NftLibrary {
 public:
  NftLibrary() {
    void* library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw SysError(ENOENT, "dlopen", kLibrary);
    load(library, "nft_ctx_new", create);
    load(library, "nft_ctx_free", free);
    load(library, "nft_ctx_buffer_output", buffer_output);
    load(library, "nft_ctx_buffer_error", buffer_error);
    load(library, "nft_ctx_get_output_buffer", output);
    load(library, "nft_ctx_get_error_buffer", error);
    load(library, "nft_run_cmd_from_buffer", run);
  }

  nft_ctx* (*create)(uint32_t) = nullptr;
  void (*free)(nft_ctx*) = nullptr;
  int (*buffer_output)(nft_ctx*) = nullptr;
  int (*buffer_error)(nft_ctx*) = nullptr;
  const char* (*output)(nft_ctx*) = nullptr;
  const char* (*error)(nft_ctx*) = nullptr;
  int (*run)(nft_ctx*, const char*) = nullptr;

 private:
  template <typename Function>
  static void load(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    if (function == nullptr) throw SysError(ENOSYS, "dlsym", name);
  }
};

struct NftResult {
  bool is_done = false;
  std::string text;
};

NftResult run_commands(const std::string& commands) {
  static const NftLibrary nft;
  const std::unique_ptr<nft_ctx, void (*)(nft_ctx*)> context(nft.create(0), nft.free);
  if (!context) throw SysError(ENOMEM, "nft_ctx_new");
  nft.buffer_output(context.get());
  nft.buffer_error(context.get());
  const bool is_done = nft.run(context.get(), commands.c_str()) == 0;
  const char* text = is_done ? nft.output(context.get()) : nft.error(context.get());
  return {is_done, text == nullptr ? "" : text};
}

/**
 * One run at a time, as the library keeps state of its own outside its contexts, and on a thread
 * whose descriptors are its own: the library waits by select, which ends the process when its
 * socket gets a number from 1024 on.
 */
NftResult run_with_low_descriptors(const std::string& commands) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  NftResult result;
  std::exception_ptr failure;
  std::thread thread([&] {
    try {
      if (::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_UNSHARE) < 0) {
        throw SysError(errno, "close_range");
      }
      result = run_commands(commands);
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
  return result;
}

/**
 * `runNft(commands) → promise of [isDone, output or error text]`, all commands in one transaction.
 * Rejects when libnftables cannot be loaded (`syscall` is `dlopen`).
 */
Napi::Value run_nft(const Napi::CallbackInfo& info) {
  std::string commands = info[0].As<Napi::String>().Utf8Value();
  return run_on_worker(
      info.Env(), [commands = std::move(commands)] { return run_with_low_descriptors(commands); },
      [](Napi::Env env, NftResult& result) {
        Napi::Array array = Napi::Array::New(env, 2);
        array.Set(0u, Napi::Boolean::New(env, result.is_done));
        array.Set(1u, Napi::String::New(env, result.text));
        return array;
      });
}

}  // namespace

void init_nftables(Napi::Env env, Napi::Object exports) {
  exports.Set("runNft", Napi::Function::New<run_nft>(env, "runNft"));
}

}  // namespace ocup
