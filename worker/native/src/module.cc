// The addon's entry: hands every family's functions to JavaScript, and what this machine can run.
#include <dlfcn.h>
#include <node_api.h>
#include <unistd.h>

#include "arguments.h"
#include "dispatch.h"
#include "families.h"

namespace seedcast {
namespace {

// Names of the levels in order of their numbers; an empty string for one that cannot run here.
napi_value levels(napi_env env, napi_callback_info) {
  napi_value list;
  if (napi_create_array_with_length(env, level_count, &list) != napi_ok) return nullptr;
  for (int i = 0; i < level_count; i++) {
    const Level level = static_cast<Level>(i);
    napi_value name;
    napi_create_string_utf8(env, level_available(level) ? level_name(level) : "", NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, list, static_cast<uint32_t>(i), name);
  }
  return list;
}

// Node unloads an addon with the worker thread that loaded it; the pool's threads live on in its code, so it stays mapped.
void stay_mapped() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&stay_mapped), &info) != 0 && info.dli_fname) {
    dlopen(info.dli_fname, RTLD_LAZY | RTLD_NODELETE);
  }
}

}  // namespace
}  // namespace seedcast

NAPI_MODULE_INIT() {
  seedcast::stay_mapped();
  static const seedcast::Export own[] = {{"levels", seedcast::levels}};
  seedcast::export_functions(env, exports, own, 1);
  seedcast::export_noise(env, exports);
  seedcast::export_linear(env, exports);
  seedcast::export_integer(env, exports);
  seedcast::export_low_rank(env, exports);
  seedcast::export_elementwise(env, exports);
  seedcast::export_structures(env, exports);
  seedcast::export_optimisers(env, exports);
  return exports;
}
