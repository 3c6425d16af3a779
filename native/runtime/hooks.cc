#include "runtime/hooks.h"

#include <sys/wait.h>

#include "base/error.h"
#include "base/process.h"
#include "runtime/log.h"

namespace ocup {

namespace {

void run_hook(const Hook& hook, const std::string& name, const std::string& state) {
  std::string output;
  Program program = {hook.path, hook.args, hook.env, state, hook.timeout_ms, &output};
  ProgramResult result = {};
  try {
    result = run_program(program);
  } catch (const SysError& error) {
    throw UserError("error running " + name + ": " + error.what());
  }
  if (result.is_timed_out) {
    throw UserError("error running " + name + ": hook ran past specified timeout of " +
                    std::to_string(hook.timeout_ms) + " ms");
  }
  if (result.wait_status == 0) return;
  const std::string how = WIFSIGNALED(result.wait_status)
                              ? "signal: " + std::to_string(WTERMSIG(result.wait_status))
                              : "exit status " + std::to_string(WEXITSTATUS(result.wait_status));
  throw UserError("error running " + name + ": " + how + ", output: " + output);
}

std::string hook_name(const std::string& kind, size_t index) {
  return kind + " hook #" + std::to_string(index);
}

}  // namespace

void run_hooks(const std::vector<Hook>& hooks, const std::string& kind, const std::string& state) {
  for (size_t i = 0; i < hooks.size(); ++i) run_hook(hooks[i], hook_name(kind, i), state);
}

void run_hooks_with_warnings(const std::vector<Hook>& hooks, const std::string& kind,
                             const std::string& state) {
  for (size_t i = 0; i < hooks.size(); ++i) {
    try {
      run_hook(hooks[i], hook_name(kind, i), state);
    } catch (const UserError& error) {
      log_warning(error.what());
    }
  }
}

}  // namespace ocup
