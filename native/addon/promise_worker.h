#pragma once

#include <napi.h>

#include <exception>
#include <optional>
#include <utility>

#include "addon/js_error.h"

namespace ocup {

/**
 * Runs `work` on a worker thread; the promise resolves with what `convert` makes of its result on
 * Node's thread, or rejects with the error that `work` threw.
 */
template <typename Work, typename Convert>
class PromiseWorker : public Napi::AsyncWorker {
 public:
  using Result = decltype(std::declval<Work>()());

  PromiseWorker(Napi::Env env, Work work, Convert convert)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)),
        convert_(std::move(convert)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      result_.emplace(work_());
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  void OnOK() override {
    if (failure_) {
      deferred_.Reject(to_js_error(Env(), failure_).Value());
    } else {
      deferred_.Resolve(convert_(Env(), *result_));
    }
  }

  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  Work work_;
  Convert convert_;
  std::optional<Result> result_;
  std::exception_ptr failure_;
};

/** Starts a PromiseWorker, which deletes itself, and gives its promise. */
template <typename Work, typename Convert>
Napi::Promise run_on_worker(Napi::Env env, Work work, Convert convert) {
  auto* worker = new PromiseWorker<Work, Convert>(env, std::move(work), std::move(convert));
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

}  // namespace ocup
