#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "addon/addon.h"
#include "addon/js_error.h"
#include "base/error.h"
#include "base/file.h"
#include "base/unique_fd.h"

namespace ocup {

namespace {

/** `makePipe() → [read end, write end]`, both close-on-exec. */
Napi::Value make_pipe(const Napi::CallbackInfo& info) {
  return with_js_errors(info.Env(), [&] {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) throw SysError(errno, "pipe2");
    Napi::Array result = Napi::Array::New(info.Env(), 2);
    result.Set(0u, ends[0]);
    result.Set(1u, ends[1]);
    return result;
  });
}

/** `peerCredentials(socket) → [pid, uid, gid]` of the process that connected a unix socket. */
Napi::Value peer_credentials(const Napi::CallbackInfo& info) {
  return with_js_errors(info.Env(), [&] {
    struct ucred peer = {};
    socklen_t length = sizeof peer;
    const int fd = info[0].As<Napi::Number>().Int32Value();
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
      throw SysError(errno, "getsockopt", "SO_PEERCRED");
    }
    Napi::Array result = Napi::Array::New(info.Env(), 3);
    result.Set(0u, peer.pid);
    result.Set(1u, peer.uid);
    result.Set(2u, peer.gid);
    return result;
  });
}

/** `lockFile(path) → descriptor that holds the lock, or -1 when another holds it`. */
Napi::Value lock_file(const Napi::CallbackInfo& info) {
  return with_js_errors(info.Env(), [&] {
    const std::string path = info[0].As<Napi::String>().Utf8Value();
    UniqueFd fd = open_file(path, O_RDWR | O_CREAT, 0600);
    const int locked = retry_interrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); });
    if (locked < 0 && errno != EWOULDBLOCK) throw SysError(errno, "flock", path);
    return Napi::Number::New(info.Env(), locked < 0 ? -1 : fd.release());
  });
}

}  // namespace

void init_descriptors(Napi::Env env, Napi::Object exports) {
  exports.Set("makePipe", Napi::Function::New<make_pipe>(env, "makePipe"));
  exports.Set("peerCredentials", Napi::Function::New<peer_credentials>(env, "peerCredentials"));
  exports.Set("lockFile", Napi::Function::New<lock_file>(env, "lockFile"));
}

}  // namespace ocup
