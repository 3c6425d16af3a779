#include <memory>
#include <string>
#include <vector>

#include "addon/addon.h"
#include "addon/js_error.h"
#include "addon/js_values.h"
#include "addon/layer_pipeline.h"
#include "addon/layer_settle.h"
#include "addon/promise_worker.h"

namespace ocup {

namespace {

using Pipeline = std::shared_ptr<LayerPipeline>;

Napi::Value to_js(Napi::Env env, const PipelineResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("digest", result.digest);
  object.Set("size", static_cast<double>(result.size));
  object.Set("diffId", result.diff_id);
  return object;
}

/** What could not be kept for want of privileges: `{owners, devices, attributes}`. */
Napi::Value to_js(Napi::Env env, const Skipped& skipped) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("owners", static_cast<double>(skipped.owners));
  object.Set("devices", static_cast<double>(skipped.devices));
  object.Set("attributes", static_cast<double>(skipped.attributes));
  return object;
}

/**
 * `new LayerUnpacker({source, blob, target, isBase, maxBytes, maxEntries, queueBytes}, onEvent)`.
 * `onEvent()` says that there is room again after a `push` that gave false; `onEvent(error | null,
 * {digest, size, diffId})` comes once, at the end.
 */
class LayerUnpacker : public Napi::ObjectWrap<LayerUnpacker> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "LayerUnpacker",
        {InstanceMethod<&LayerUnpacker::push>("push"), InstanceMethod<&LayerUnpacker::end>("end"),
         InstanceMethod<&LayerUnpacker::cancel>("cancel"),
         InstanceMethod<&LayerUnpacker::settle>("settle")});
  }

  explicit LayerUnpacker(const Napi::CallbackInfo& info) : Napi::ObjectWrap<LayerUnpacker>(info) {
    const Napi::Object options = info[0].As<Napi::Object>();
    const auto text = [&](const char* name) {
      return options.Get(name).As<Napi::String>().Utf8Value();
    };
    const auto number = [&](const char* name) {
      return static_cast<uint64_t>(options.Get(name).As<Napi::Number>().Int64Value());
    };
    PipelineRequest request;
    request.source = text("source");
    request.blob = text("blob");
    request.target = text("target");
    request.is_base = options.Get("isBase").As<Napi::Boolean>().Value();
    request.limits = {number("maxBytes"), number("maxEntries")};
    request.queue_bytes = number("queueBytes");
    start(info.Env(), std::move(request), info[1].As<Napi::Function>());
  }

 private:
  void start(Napi::Env env, PipelineRequest request, const Napi::Function& on_event) {
    const auto calls = std::make_shared<Napi::ThreadSafeFunction>();
    // Threads of the pipeline know it by this plain pointer: were they to hold it, the last of them
    // could come to destroy it and wait for itself.
    const auto self = std::make_shared<LayerPipeline*>(nullptr);
    pipeline_ = std::make_shared<LayerPipeline>(
        std::move(request),
        [calls] {
          calls->BlockingCall([](Napi::Env, Napi::Function function) { function.Call({}); });
        },
        [calls, self] {
          LayerPipeline* const pipeline = *self;
          const auto tell = [pipeline](Napi::Env to, Napi::Function function) {
            finish(to, function, *pipeline);
          };
          // Refused when Node is on its way out; the function has then been released, too.
          if (calls->BlockingCall(tell) == napi_ok) calls->Release();
        });
    *self = pipeline_.get();
    // The finalizer runs after the last call, and also when Node ends first: it ends the threads.
    *calls = Napi::ThreadSafeFunction::New(env, on_event, "ocup.layer", 0, 1,
                                           [pipeline = pipeline_](Napi::Env) {
                                             pipeline->cancel();
                                             pipeline->join();
                                           });
    pipeline_->start();
  }

  static void finish(Napi::Env env, Napi::Function function, const LayerPipeline& pipeline) {
    try {
      function.Call({env.Null(), to_js(env, pipeline.result())});
    } catch (const Napi::Error&) {
      throw;
    } catch (...) {
      function.Call({to_js_error(env, std::current_exception()).Value(), env.Undefined()});
    }
  }

  Napi::Value push(const Napi::CallbackInfo& info) {
    const auto buffer = info[0].As<Napi::Buffer<char>>();
    return Napi::Boolean::New(info.Env(), pipeline_->push({buffer.Data(), buffer.Length()}));
  }

  void end(const Napi::CallbackInfo& /*info*/) { pipeline_->end(); }

  void cancel(const Napi::CallbackInfo& /*info*/) {
    pipeline_->cancel();
    pipeline_->drop_tree();
  }

  /** `settle(folders below, from the top) → promise of what was skipped`; once, after success. */
  Napi::Value settle(const Napi::CallbackInfo& info) {
    return run_on_worker(
        info.Env(),
        [pipeline = pipeline_, below = to_strings(info[0])] {
          const std::unique_ptr<LayerTree> tree = pipeline->take_tree();
          settle_layer(*tree, pipeline->request().target, below);
          return tree->skipped();
        },
        [](Napi::Env env, const Skipped& skipped) { return to_js(env, skipped); });
  }

  Pipeline pipeline_;
};

}  // namespace

void init_layers(Napi::Env env, Napi::Object exports) {
  exports.Set("LayerUnpacker", LayerUnpacker::define(env));
}

}  // namespace ocup
