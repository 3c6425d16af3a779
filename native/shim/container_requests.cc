#include <csignal>

#include "base/error.h"
#include "shim/container.h"

namespace ocup::shim {

namespace {

constexpr int64_t kRemovalMs = 10000;

std::string start_details(const std::string& message) {
  return JsonWriter()
      .begin_object()
      .key("kind")
      .string(classify_error(message))
      .end_object()
      .text();
}

}  // namespace

const char* status_name(Container::Status status) {
  switch (status) {
    case Container::Status::kCreating:
      return "creating";
    case Container::Status::kCreated:
      return "created";
    case Container::Status::kRunning:
      return "running";
    case Container::Status::kPaused:
      return "paused";
    case Container::Status::kExited:
      return "exited";
  }
  return "unknown";
}

void Container::answer_state(const Caller& caller) const {
  if (status_ == Status::kCreating) {
    return caller->send_error("E_CONTAINER_STATE", "the container is being created");
  }
  JsonWriter writer;
  writer.begin_object().key("pid").integer(pid_).key("status").string(status_name(status_));
  if (exit_) writer.key("exit").raw(exit_->json());
  caller->send_result(writer.end_object().text());
}

void Container::start(const Caller& caller, bool is_watched) {
  change_status(caller, {"start", Status::kCreated, Status::kRunning}, [this, caller, is_watched] {
    if (!is_watched) return caller->send_result("{}");
    caller->send_event(JsonWriter().begin_object().key("kind").string("started").end_object().text());
    watch(caller);
  });
}

void Container::pause(const Caller& caller) {
  change_status(caller, {"pause", Status::kRunning, Status::kPaused},
                [caller] { caller->send_result("{}"); });
}

void Container::resume(const Caller& caller) {
  change_status(caller, {"resume", Status::kPaused, Status::kRunning},
                [caller] { caller->send_result("{}"); });
}

void Container::change_status(const Caller& caller, const Change& change,
                              std::function<void()> on_changed) {
  if (status_ != change.from || is_changing_ || on_removed_) {
    const char* now = is_changing_  ? "being changed"
                      : on_removed_ ? "being removed"
                                    : status_name(status_);
    return caller->send_error(
        "E_CONTAINER_STATE",
        std::string("cannot ") + change.command + " a container that is " + now);
  }
  runtime_.run({change.command, config_.id},
               [this, caller, change, on_changed](const RuntimeResult& result) {
                 is_changing_ = false;
                 // It may have ended meanwhile: that stays true.
                 if (result.is_done && status_ == change.from) status_ = change.to;
                 if (result.is_done) return on_changed();
                 const bool is_start = change.from == Status::kCreated;
                 caller->send_error(is_start ? "E_CONTAINER_START" : "E_CONTAINER_RUNTIME",
                                    result.message, start_details(result.message));
               });
  is_changing_ = true;
}

void Container::signal(const Caller& caller, int signal_number, bool is_for_all) {
  if (refuse_unless_alive(caller)) return;
  // Our own runtime would do no more than this for a process that can hear it.
  if (config_.is_own_runtime && !is_for_all && status_ == Status::kRunning && !is_changing_) {
    signal_directly(signal_number, false);
    return caller->send_result("{}");
  }
  std::vector<std::string> args = {"kill", config_.id, std::to_string(signal_number)};
  if (is_for_all) args.insert(args.begin() + 1, "--all");
  runtime_.run(args, [this, caller, signal_number, is_for_all](const RuntimeResult& result) {
    // A runtime that does not know `--all`, or is not there any more, must not keep it alive.
    if (!result.is_done && status_ != Status::kExited) signal_directly(signal_number, is_for_all);
    const bool is_frozen = status_ == Status::kPaused && signal_number == SIGKILL;
    if (!is_frozen) return caller->send_result("{}");
    // A frozen process ends only once it is thawed; where the runtime has seen to that, this fails.
    runtime_.run({"resume", config_.id}, [this, caller](const RuntimeResult&) {
      if (status_ == Status::kPaused) status_ = Status::kRunning;
      caller->send_result("{}");
    });
  });
}

void Container::resize(const Caller& caller, TerminalSize size) {
  if (refuse_unless_alive(caller)) return;
  if (!terminal_) return caller->send_error("E_CONTAINER_STATE", "the container has no terminal");
  set_terminal_size(terminal_.get(), size.rows, size.columns);
  caller->send_result("{}");
}

bool Container::refuse_unless_alive(const Caller& caller) const {
  const bool is_alive = status_ != Status::kCreating && status_ != Status::kExited;
  if (!is_alive) {
    caller->send_error("E_CONTAINER_STATE",
                       std::string("the container is ") + status_name(status_));
  }
  return !is_alive;
}

void Container::remove(const Caller& caller, OnRemoved on_removed) {
  if (status_ == Status::kCreating || on_removed_) {
    return caller->send_error("E_CONTAINER_STATE", std::string("the container is being ") +
                                                       (on_removed_ ? "removed" : "created"));
  }
  runtime_.run({"delete", "--force", config_.id},
               [this](const RuntimeResult& result) { on_deleted(result); });
  remover_ = caller;
  on_removed_ = std::move(on_removed);
}

void Container::on_deleted(const RuntimeResult& result) {
  removal_error_ = result.message;
  is_deleted_ = true;
  if (!result.is_done) {
    // Whatever the runtime's trouble is, no process of the container may stay.
    if (status_ != Status::kExited) signal_directly(SIGKILL, false);
    cgroup_.signal_all(SIGKILL);
  }
  removal_timer_ = loop_.after(kRemovalMs, [this] { finish_removal(); });
  check_removed();
}

void Container::check_removed() {
  if (is_deleted_ && is_exit_told_ && sessions_.empty()) finish_removal();
}

void Container::finish_removal() {
  loop_.cancel(removal_timer_);
  is_deleted_ = false;
  if (!exit_ && removal_error_.empty()) {
    removal_error_ = "the container's process does not end";
  }
  const Caller remover = std::exchange(remover_, nullptr);
  const OnRemoved on_removed = std::exchange(on_removed_, nullptr);
  if (!removal_error_.empty()) return remover->send_error("E_CONTAINER_RUNTIME", removal_error_);
  on_removed();
  remover->send_result("{}");
}

}  // namespace ocup::shim
