#pragma once

#include <napi.h>

namespace ocup {

// Each feature adds its functions to the addon's exports. Arguments are numbers, strings and
// Buffers that the TypeScript door in src/native has checked.
void init_command_door(Napi::Env env, Napi::Object exports);
void init_descriptors(Napi::Env env, Napi::Object exports);
void init_layers(Napi::Env env, Napi::Object exports);
void init_netlink(Napi::Env env, Napi::Object exports);
void init_nftables(Napi::Env env, Napi::Object exports);
void init_processes(Napi::Env env, Napi::Object exports);
void init_sockets(Napi::Env env, Napi::Object exports);
void init_standard_streams(Napi::Env env, Napi::Object exports);
void init_trees(Napi::Env env, Napi::Object exports);

}  // namespace ocup
