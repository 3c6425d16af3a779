#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <exception>
#include <memory>

#include "addon/addon.h"
#include "addon/js_error.h"
#include "addon/spawn.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mount_calls.h"
#include "base/unique_fd.h"

namespace ocup {

namespace {

std::vector<std::string> to_strings(const Napi::Value& value) {
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<std::string> strings;
  strings.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    strings.push_back(array.Get(i).As<Napi::String>().Utf8Value());
  }
  return strings;
}

SpawnRequest to_request(const Napi::CallbackInfo& info) {
  SpawnRequest request;
  request.path = info[0].As<Napi::String>().Utf8Value();
  request.args = to_strings(info[1]);
  request.env = to_strings(info[2]);
  const Napi::Object options = info[3].As<Napi::Object>();
  request.cwd = options.Get("cwd").As<Napi::String>().Utf8Value();
  const Napi::Array numbers = options.Get("descriptors").As<Napi::Array>();
  for (uint32_t i = 0; i + 1 < numbers.Length(); i += 2) {
    request.descriptors.emplace_back(numbers.Get(i).As<Napi::Number>().Int32Value(),
                                     numbers.Get(i + 1).As<Napi::Number>().Int32Value());
  }
  request.new_session = options.Get("newSession").As<Napi::Boolean>().Value();
  return request;
}

/**
 * `spawnProcess(path, args, env, {cwd, descriptors, newSession}) → pid`; `descriptors` is a flat
 * list of the child's number and ours, -1 for /dev/null.
 */
Napi::Value spawn_process(const Napi::CallbackInfo& info) {
  const SpawnRequest request = to_request(info);
  return with_js_errors(info.Env(), [&] {
    return Napi::Number::New(info.Env(), static_cast<double>(spawn(request)));
  });
}

/** Spawns on a thread of Node's pool: the thread that does it stands still until the child runs its
 * program. */
class SpawnWorker : public Napi::AsyncWorker {
 public:
  SpawnWorker(Napi::Env env, SpawnRequest request)
      : Napi::AsyncWorker(env, "ocup.spawn"),
        request_(std::move(request)),
        promise_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return promise_.Promise(); }

 protected:
  void Execute() override {
    try {
      pid_ = spawn(request_);
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  void OnOK() override {
    const Napi::HandleScope scope(Env());
    if (failure_) {
      promise_.Reject(to_js_error(Env(), failure_).Value());
    } else {
      promise_.Resolve(Napi::Number::New(Env(), static_cast<double>(pid_)));
    }
  }

 private:
  SpawnRequest request_;
  Napi::Promise::Deferred promise_;
  pid_t pid_ = 0;
  std::exception_ptr failure_;
};

/** `spawnProcessAside(…) → Promise<pid>`, with the arguments of `spawnProcess`. */
Napi::Value spawn_process_aside(const Napi::CallbackInfo& info) {
  auto* worker = new SpawnWorker(info.Env(), to_request(info));  // deletes itself
  worker->Queue();
  return worker->promise();
}

/** `openReadOnlyView(path) → descriptor` of a detached mount; nobody writes to the file through it. */
Napi::Value open_read_only_view(const Napi::CallbackInfo& info) {
  return with_js_errors(info.Env(), [&] {
    const std::string path = info[0].As<Napi::String>().Utf8Value();
    UniqueFd mount = clone_mount(AT_FDCWD, path, false);
    set_mount_attributes(mount.get(), MOUNT_ATTR_RDONLY, 0, false, path);
    return Napi::Number::New(info.Env(), mount.release());
  });
}

/** Waits in Node's loop for the end of one process; deletes itself. */
class ExitWatch {
 public:
  ExitWatch(Napi::Env env, UniqueFd pidfd, const Napi::Function& callback)
      : env_(env),
        context_(env, "ocup.exit"),
        callback_(Napi::Persistent(callback)),
        pidfd_(std::move(pidfd)) {
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    poll_.data = this;
    if (const int failed = uv_poll_init(loop, &poll_, pidfd_.get()); failed < 0) {
      throw SysError(-failed, "uv_poll_init");
    }
    napi_add_async_cleanup_hook(env, &ExitWatch::on_teardown, this, &cleanup_);
    uv_poll_start(&poll_, UV_READABLE, &ExitWatch::on_readable);
  }

 private:
  static ExitWatch& of(void* data) { return *static_cast<ExitWatch*>(data); }

  static void on_readable(uv_poll_t* poll, int /*status*/, int /*events*/) {
    of(poll->data).finish();
  }

  static void on_teardown(napi_async_cleanup_hook_handle /*handle*/, void* data) {
    of(data).close();
  }

  void finish() {
    siginfo_t result = {};
    const int reaped = static_cast<int>(retry_interrupted([&] {
      return ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &result, WEXITED | WNOHANG);
    }));
    // Of a process that is not our child it is only known that it has ended.
    const bool known = reaped == 0 && result.si_pid != 0;
    const int code = known && result.si_code == CLD_EXITED ? result.si_status : -1;
    const int signal = known && result.si_code != CLD_EXITED ? result.si_status : 0;
    const Napi::HandleScope scope(env_);
    const Napi::FunctionReference callback = std::move(callback_);
    close();
    callback.MakeCallback(
        env_.Global(), {Napi::Number::New(env_, code), Napi::Number::New(env_, signal)}, context_);
  }

  void close() {
    if (is_closing_) return;
    is_closing_ = true;
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_), [](uv_handle_t* handle) {
      ExitWatch* watch = static_cast<ExitWatch*>(handle->data);
      const napi_async_cleanup_hook_handle cleanup = watch->cleanup_;
      delete watch;
      napi_remove_async_cleanup_hook(cleanup);
    });
  }

  Napi::Env env_;
  Napi::AsyncContext context_;
  Napi::FunctionReference callback_;
  UniqueFd pidfd_;
  uv_poll_t poll_ = {};
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  bool is_closing_ = false;
};

/**
 * `watchExit(pid, callback)`: calls `callback(exitCode or -1, signal or 0)` once the process has
 * ended and, if it is a child, reaps it.
 */
Napi::Value watch_exit(const Napi::CallbackInfo& info) {
  return with_js_errors(info.Env(), [&] {
    const pid_t pid = info[0].As<Napi::Number>().Int32Value();
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) throw SysError(errno, "pidfd_open", std::to_string(pid));
    new ExitWatch(info.Env(), std::move(pidfd), info[1].As<Napi::Function>());
    return info.Env().Undefined();
  });
}

}  // namespace

void init_processes(Napi::Env env, Napi::Object exports) {
  exports.Set("spawnProcess", Napi::Function::New<spawn_process>(env, "spawnProcess"));
  exports.Set("spawnProcessAside",
              Napi::Function::New<spawn_process_aside>(env, "spawnProcessAside"));
  exports.Set("openReadOnlyView",
              Napi::Function::New<open_read_only_view>(env, "openReadOnlyView"));
  exports.Set("watchExit", Napi::Function::New<watch_exit>(env, "watchExit"));
}

}  // namespace ocup
