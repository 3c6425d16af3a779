#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "addon/addon.h"
#include "addon/js_error.h"
#include "addon/loop_poll.h"
#include "base/file.h"
#include "base/unique_fd.h"

namespace ocup {

namespace {

/** Where the kernel only tells that there is some room, this much fits: a page of a pipe, a bit of a terminal. */
constexpr size_t kPipeRoom = 4096;
constexpr size_t kTerminalRoom = 128;

enum class Kind {
  /** Never blocks for long: a file, a disk. */
  kFile,
  kSocket,
  /** Opened anew for us alone, and non-blocking. */
  kOwn,
  /** Shared with others: asked before each step whether it would block. */
  kShared,
};

/**
 * A standard stream of another process, which shares its open file with us. Nothing here blocks, and nothing is changed
 * that its other users would see, such as O_NONBLOCK.
 */
class StandardStream : public Napi::ObjectWrap<StandardStream> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("StandardStream",
                DefineClass(env, "StandardStream",
                            {InstanceMethod<&StandardStream::write>("write"),
                             InstanceMethod<&StandardStream::read>("read"),
                             InstanceMethod<&StandardStream::close>("close")}));
  }

  /** `new StandardStream(fd, isOutput)`: takes the descriptor over. */
  explicit StandardStream(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<StandardStream>(info), fd_(info[0].As<Napi::Number>().Int32Value()) {
    is_output_ = info[1].As<Napi::Boolean>().Value();
    classify();
  }

 private:
  void classify() {
    struct stat stat = {};
    if (::fstat(fd_.get(), &stat) < 0) return;
    if (S_ISSOCK(stat.st_mode)) kind_ = Kind::kSocket;
    if (!S_ISFIFO(stat.st_mode) && !S_ISCHR(stat.st_mode)) return;
    kind_ = Kind::kShared;
    room_ = S_ISFIFO(stat.st_mode) ? kPipeRoom : kTerminalRoom;
    // Opened again, /dev/tty is a terminal of ours and /dev/ptmx a new one.
    if (S_ISCHR(stat.st_mode) && major(stat.st_rdev) == 5) return;
    const int access = ::fcntl(fd_.get(), F_GETFL) & O_ACCMODE;
    const int wanted = is_output_ ? O_WRONLY : O_RDONLY;
    if (access != wanted && access != O_RDWR) return;
    const std::string path = "/proc/self/fd/" + std::to_string(fd_.get());
    UniqueFd own(::open(path.c_str(), wanted | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!own) return;
    fd_ = std::move(own);
    kind_ = Kind::kOwn;
  }

  bool is_ready(short events) const {
    pollfd poll = {fd_.get(), events, 0};
    return ::poll(&poll, 1, 0) > 0;
  }

  ssize_t write_some(const char* data, size_t size) {
    return retry_interrupted([&]() -> ssize_t {
      if (kind_ == Kind::kSocket) {
        return ::send(fd_.get(), data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
      }
      if (kind_ != Kind::kShared) return ::write(fd_.get(), data, size);
      if (is_ready(POLLOUT)) return ::write(fd_.get(), data, std::min(size, room_));
      errno = EAGAIN;
      return -1;
    });
  }

  ssize_t read_some(char* data, size_t size) {
    return retry_interrupted([&]() -> ssize_t {
      if (kind_ == Kind::kSocket) return ::recv(fd_.get(), data, size, MSG_DONTWAIT);
      if (kind_ != Kind::kShared || is_ready(POLLIN)) return ::read(fd_.get(), data, size);
      errno = EAGAIN;
      return -1;
    });
  }

  /** `write(buffer, callback) → 0 when written, -1 when `callback(errno or 0)` will tell, or errno`. */
  Napi::Value write(const Napi::CallbackInfo& info) {
    return with_js_errors(info.Env(), [&] {
      const auto buffer = info[0].As<Napi::Buffer<char>>();
      pending_ = std::string_view(buffer.Data(), buffer.Length());
      const int result = push();
      if (result < 0) {
        held_ = Napi::Persistent(info[0].As<Napi::Object>());
        wait(info, EPOLLOUT, [this] { on_writable(); });
      }
      return Napi::Number::New(info.Env(), result);
    });
  }

  /** 0 when all is written, -1 when it would block, or errno. */
  int push() {
    while (!pending_.empty()) {
      const ssize_t written = write_some(pending_.data(), pending_.size());
      if (written >= 0) {
        pending_.remove_prefix(static_cast<size_t>(written));
      } else {
        return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : errno;
      }
    }
    return 0;
  }

  void on_writable() {
    const int result = push();
    if (result < 0) return;
    held_.Reset();
    finish([result](Napi::Env env) { return Napi::Number::New(env, result); });
  }

  /** `read(size, callback) → a Buffer, empty at the end, errno, or undefined when `callback` will get either`. */
  Napi::Value read(const Napi::CallbackInfo& info) {
    return with_js_errors(info.Env(), [&] {
      buffer_.resize(info[0].As<Napi::Number>().Uint32Value());
      const ssize_t size = read_some(buffer_.data(), buffer_.size());
      if (size >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return result_of(info.Env(), size);
      wait(info, EPOLLIN, [this] { on_readable(); });
      return info.Env().Undefined();
    });
  }

  Napi::Value result_of(Napi::Env env, ssize_t size) {
    if (size < 0) return Napi::Number::New(env, errno);
    return Napi::Buffer<char>::Copy(env, buffer_.data(), static_cast<size_t>(size));
  }

  void on_readable() {
    const ssize_t size = read_some(buffer_.data(), buffer_.size());
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    const int failed = errno;
    finish([this, size, failed](Napi::Env env) {
      errno = failed;
      return result_of(env, size);
    });
  }

  void wait(const Napi::CallbackInfo& info, uint32_t events, std::function<void()> on_ready) {
    callback_ = Napi::Persistent(info[1].As<Napi::Function>());
    on_ready_ = std::move(on_ready);
    if (poll_ == nullptr) {
      poll_ = std::make_unique<LoopPoll>(info.Env(), [this] { on_ready_(); });
    }
    poll_->start(fd_.get(), events);
    Ref();
  }

  template <typename MakeResult>
  void finish(MakeResult make_result) {
    poll_->stop();
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    const Napi::FunctionReference callback = std::move(callback_);
    const Napi::Value result = make_result(env);
    Unref();
    callback.MakeCallback(env.Global(), {result});
  }

  /** `close()`: what is pending is given up, and its callback not called. */
  Napi::Value close(const Napi::CallbackInfo& info) {
    if (!callback_.IsEmpty()) Unref();
    poll_.reset();
    callback_.Reset();
    held_.Reset();
    fd_.reset();
    return info.Env().Undefined();
  }

  UniqueFd fd_;
  bool is_output_ = false;
  Kind kind_ = Kind::kFile;
  size_t room_ = kPipeRoom;
  std::string_view pending_;
  std::vector<char> buffer_;
  Napi::ObjectReference held_;
  Napi::FunctionReference callback_;
  std::function<void()> on_ready_;
  std::unique_ptr<LoopPoll> poll_;
};

/** `passOutputThrough(fd)`: the terminal's output is no longer processed, see man 3 termios, OPOST. */
Napi::Value pass_output_through(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  return with_js_errors(info.Env(), [&]() -> Napi::Value {
    termios mode = {};
    if (::tcgetattr(fd, &mode) < 0) throw SysError(errno, "tcgetattr");
    mode.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    if (::tcsetattr(fd, TCSADRAIN, &mode) < 0) throw SysError(errno, "tcsetattr");
    return info.Env().Undefined();
  });
}

}  // namespace

void init_standard_streams(Napi::Env env, Napi::Object exports) {
  StandardStream::define(env, exports);
  exports.Set("passOutputThrough", Napi::Function::New(env, pass_output_through));
}

}  // namespace ocup
