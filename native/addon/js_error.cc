#include "addon/js_error.h"

namespace ocup {

Napi::Error to_js_error(Napi::Env env, const SysError& error) {
  Napi::Error result = Napi::Error::New(env, error.what());
  result.Set("code", Napi::String::New(env, errno_name(error.error_number())));
  result.Set("errno", Napi::Number::New(env, error.error_number()));
  result.Set("syscall", Napi::String::New(env, error.syscall()));
  if (!error.path().empty()) result.Set("path", Napi::String::New(env, error.path()));
  return result;
}

}  // namespace ocup
