#pragma once

#include <napi.h>

#include <exception>

#include "base/error.h"

namespace ocup {

/** The JavaScript error of a failed system call, with `code`, `errno`, `syscall` and, if it is
 * known, `path`. */
Napi::Error to_js_error(Napi::Env env, const SysError& error);

/**
 * The JavaScript error of whatever was thrown. Beside system calls, `code` is set for layers that
 * cannot be unpacked (`LAYER_FORMAT`, `LAYER_LIMIT`) and for work that was given up
 * (`LAYER_CANCELLED`).
 */
Napi::Error to_js_error(Napi::Env env, const std::exception_ptr& failure);

/** Runs `work`; a SysError goes to JavaScript as `to_js_error` words it. */
template <typename Work>
auto with_js_errors(Napi::Env env, Work work) {
  try {
    return work();
  } catch (const SysError& error) {
    throw to_js_error(env, error);
  }
}

}  // namespace ocup
