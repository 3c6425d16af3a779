#include "addon/addon.h"

namespace {

Napi::Object init_addon(Napi::Env env, Napi::Object exports) {
  ocup::init_command_door(env, exports);
  ocup::init_descriptors(env, exports);
  ocup::init_layers(env, exports);
  ocup::init_netlink(env, exports);
  ocup::init_nftables(env, exports);
  ocup::init_processes(env, exports);
  ocup::init_sockets(env, exports);
  ocup::init_standard_streams(env, exports);
  ocup::init_trees(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(ocup_native, init_addon)
