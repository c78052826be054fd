// One line a family of exported functions; each is defined in the file of its name.
#pragma once
#include <node_api.h>

namespace seedcast {

void export_noise(napi_env env, napi_value exports);
void export_linear(napi_env env, napi_value exports);
void export_integer(napi_env env, napi_value exports);
void export_low_rank(napi_env env, napi_value exports);
void export_elementwise(napi_env env, napi_value exports);
void export_structures(napi_env env, napi_value exports);
void export_optimisers(napi_env env, napi_value exports);

}  // namespace seedcast
