#include "addon/js_error.h"

#include "addon/byte_queue.h"
#include "addon/layer_error.h"

namespace ocup {

namespace {

Napi::Error coded_error(Napi::Env env, const char* code, const char* message) {
  Napi::Error result = Napi::Error::New(env, message);
  result.Set("code", Napi::String::New(env, code));
  return result;
}

}  // namespace

Napi::Error to_js_error(Napi::Env env, const SysError& error) {
  Napi::Error result = Napi::Error::New(env, error.what());
  result.Set("code", Napi::String::New(env, errno_name(error.error_number())));
  result.Set("errno", Napi::Number::New(env, error.error_number()));
  result.Set("syscall", Napi::String::New(env, error.syscall()));
  if (!error.path().empty()) result.Set("path", Napi::String::New(env, error.path()));
  return result;
}

Napi::Error to_js_error(Napi::Env env, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const SysError& error) {
    return to_js_error(env, error);
  } catch (const LayerError& error) {
    const bool is_limit = error.kind() == LayerError::Kind::kLimit;
    return coded_error(env, is_limit ? "LAYER_LIMIT" : "LAYER_FORMAT", error.what());
  } catch (const Cancelled&) {
    return coded_error(env, "LAYER_CANCELLED", "cancelled");
  } catch (const std::exception& error) {
    return Napi::Error::New(env, error.what());
  }
}

}  // namespace ocup
