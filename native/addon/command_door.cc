#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "addon/addon.h"
#include "addon/js_error.h"
#include "addon/loop_poll.h"
#include "base/error.h"
#include "base/file.h"
#include "base/unique_fd.h"

namespace ocup {

namespace {

constexpr int kBacklog = 128;
constexpr size_t kStreams = 3;
/** Connections that have not yet handed over; beyond it the oldest one goes. */
constexpr size_t kMaxCallers = 64;
/** Type, and length in network order. */
constexpr size_t kHeaderBytes = 5;
/** More than the kernel passes to a program as arguments and environment. */
constexpr size_t kMaxRequestBytes = 16u << 20;
/** As in `launcher/messages.h`. */
constexpr char kAccepted = 65;
constexpr char kRefused = 66;

/** `listenUnix(path) → descriptor` of a socket that only its owner can connect to. */
Napi::Value listen_unix(const Napi::CallbackInfo& info) {
  return with_js_errors(info.Env(), [&] {
    const std::string path = info[0].As<Napi::String>().Utf8Value();
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw SysError(ENAMETOOLONG, "bind", path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) throw SysError(errno, "socket");
    const auto* name = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(fd.get(), name, sizeof address) < 0) throw SysError(errno, "bind", path);
    // Nobody can connect before it listens.
    if (::chmod(path.c_str(), 0600) < 0) throw SysError(errno, "chmod", path);
    if (::listen(fd.get(), kBacklog) < 0) throw SysError(errno, "listen", path);
    return Napi::Number::New(info.Env(), fd.release());
  });
}

/** A connection until it has said what it wants, and has handed over its standard streams. */
class Caller {
 public:
  explicit Caller(UniqueFd connection) : connection_(std::move(connection)) {}

  int fd() const { return connection_.get(); }
  int release_connection() { return connection_.release(); }
  std::vector<UniqueFd>& streams() { return streams_; }

  /** The payload of the next frame; none while it is not all there. Throws SysError, also for what is no frame. */
  std::optional<std::string> receive() {
    for (;;) {
      const size_t missing = wanted() - data_.size();
      if (missing == 0 && data_.size() >= kHeaderBytes) {
        std::string payload = data_.substr(kHeaderBytes);
        data_.clear();
        return payload;
      }
      std::string chunk(std::min<size_t>(missing, 64u << 10), '\0');
      const ssize_t size = receive_some(chunk);
      if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
      if (size < 0) throw SysError(errno, "recvmsg");
      if (size == 0) throw SysError(ECONNRESET, "recvmsg");
      data_.append(chunk, 0, static_cast<size_t>(size));
    }
  }

  /** A frame without payload. Throws SysError when there is no room for it, which a fresh connection has. */
  void send(char type) const {
    const char frame[kHeaderBytes] = {type, 0, 0, 0, 0};
    if (::send(fd(), frame, sizeof frame, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof frame) {
      throw SysError(errno, "send");
    }
  }

 private:
  size_t wanted() const {
    if (data_.size() < kHeaderBytes) return kHeaderBytes;
    uint32_t length = 0;
    for (size_t i = 1; i < kHeaderBytes; ++i) {
      length = (length << 8) | static_cast<unsigned char>(data_[i]);
    }
    if (length > kMaxRequestBytes) throw SysError(EMSGSIZE, "recvmsg");
    return kHeaderBytes + length;
  }

  ssize_t receive_some(std::string& chunk) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kStreams)] = {};
    iovec part = {chunk.data(), chunk.size()};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = retry_interrupted(
        [&] { return ::recvmsg(fd(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); });
    if (size < 0) return size;
    for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
         item = CMSG_NXTHDR(&message, item)) {
      if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
      const size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; ++i) {
        int passed = -1;
        std::memcpy(&passed, CMSG_DATA(item) + i * sizeof(int), sizeof passed);
        streams_.emplace_back(passed);
      }
    }
    if (streams_.size() > kStreams) throw SysError(EBADMSG, "recvmsg");
    return size;
  }

  UniqueFd connection_;
  std::string data_;
  std::vector<UniqueFd> streams_;
};

/** Takes connections and hands on those whose request was accepted and whose streams have come. */
class CommandDoor : public Napi::ObjectWrap<CommandDoor> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("CommandDoor", DefineClass(env, "CommandDoor",
                                           {InstanceMethod<&CommandDoor::close>("close")}));
  }

  /**
   * `new CommandDoor(listening, {accept(id, connection, request) → boolean, hand(id, connection, stdin, stdout, stderr),
   * drop(id)})`: takes the listening descriptor over; those that `hand` gets belong to it. What was accepted is either
   * handed or dropped.
   */
  explicit CommandDoor(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<CommandDoor>(info), listening_(info[0].As<Napi::Number>().Int32Value()) {
    listener_ = Napi::Persistent(info[1].As<Napi::Object>());
    with_js_errors(info.Env(), [&] {
      poll_ = std::make_unique<LoopPoll>(info.Env(), [this] { accept_all(); });
      poll_->start(listening_.get(), EPOLLIN);
      return 0;
    });
    Ref();
  }

 private:
  struct Entry {
    Caller caller;
    bool is_accepted = false;
    std::unique_ptr<LoopPoll> poll;
  };

  void accept_all() {
    while (listening_) {
      const int accepted = static_cast<int>(retry_interrupted([&] {
        return ::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      }));
      // Whatever is wrong with one connection is its own affair; the next event tries again.
      if (accepted < 0) return;
      if (entries_.size() >= kMaxCallers) drop(entries_.begin()->first);
      const uint32_t id = ++last_id_;
      entries_.emplace(id, Entry{Caller(UniqueFd(accepted)), false, nullptr});
      advance(id);
    }
  }

  /** Takes what has come of one connection as far as it goes. */
  void advance(uint32_t id) {
    try {
      for (;;) {
        const auto found = entries_.find(id);
        if (found == entries_.end()) return;
        Entry& entry = found->second;
        const std::optional<std::string> payload = entry.caller.receive();
        if (!payload) {
          watch(id, entry);
          return;
        }
        if (entry.is_accepted) {
          hand_on(id);
          return;
        }
        decide(id, *payload);
      }
    } catch (const SysError&) {
      drop(id);
    }
  }

  void watch(uint32_t id, Entry& entry) {
    if (entry.poll != nullptr) return;
    entry.poll = std::make_unique<LoopPoll>(Env(), [this, id] { advance(id); });
    entry.poll->start(entry.caller.fd(), EPOLLIN);
  }

  void decide(uint32_t id, const std::string& request) {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    const Napi::Value answer =
        call("accept", {Napi::Number::New(env, id), Napi::Number::New(env, entries_.at(id).caller.fd()),
                        Napi::Buffer<char>::Copy(env, request.data(), request.size())});
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    found->second.is_accepted = answer.IsBoolean() && answer.As<Napi::Boolean>().Value();
    found->second.caller.send(found->second.is_accepted ? kAccepted : kRefused);
    if (!found->second.is_accepted) drop(id);
  }

  void hand_on(uint32_t id) {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    if (entries_.at(id).caller.streams().size() != kStreams) throw SysError(EBADMSG, "recvmsg");
    Entry done = std::move(entries_.at(id));
    entries_.erase(id);
    std::vector<UniqueFd>& streams = done.caller.streams();
    call("hand",
         {Napi::Number::New(env, id), Napi::Number::New(env, done.caller.release_connection()),
          Napi::Number::New(env, streams[0].release()), Napi::Number::New(env, streams[1].release()),
          Napi::Number::New(env, streams[2].release())});
  }

  void drop(uint32_t id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    const bool was_accepted = found->second.is_accepted;
    entries_.erase(found);
    if (!was_accepted) return;
    const Napi::HandleScope scope(Env());
    call("drop", {Napi::Number::New(Env(), id)});
  }

  Napi::Value call(const char* method, const std::vector<napi_value>& args) {
    const Napi::Object listener = listener_.Value();
    return listener.Get(method).As<Napi::Function>().MakeCallback(listener, args);
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    if (!listening_) return info.Env().Undefined();
    poll_.reset();
    listening_.reset();
    while (!entries_.empty()) drop(entries_.begin()->first);
    Unref();
    return info.Env().Undefined();
  }

  UniqueFd listening_;
  Napi::ObjectReference listener_;
  std::unique_ptr<LoopPoll> poll_;
  std::map<uint32_t, Entry> entries_;
  uint32_t last_id_ = 0;
};

}  // namespace

void init_command_door(Napi::Env env, Napi::Object exports) {
  exports.Set("listenUnix", Napi::Function::New<listen_unix>(env, "listenUnix"));
  CommandDoor::define(env, exports);
}

}  // namespace ocup
