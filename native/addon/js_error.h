#pragma once

#include <napi.h>

#include <functional>

#include "base/error.h"

namespace ocup {

/** The JavaScript error of a failed system call, with `code`, `errno`, `syscall` and, if it is
 * known, `path`. */
Napi::Error to_js_error(Napi::Env env, const SysError& error);

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
