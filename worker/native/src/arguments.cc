// The checks of arguments.h.
#include "arguments.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace seedcast {
namespace {

const char* type_name(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array: return "a Float32Array";
    case napi_float64_array: return "a Float64Array";
    case napi_int8_array: return "an Int8Array";
    case napi_uint8_array: return "a Uint8Array";
    case napi_int16_array: return "an Int16Array";
    case napi_int32_array: return "an Int32Array";
    case napi_uint32_array: return "a Uint32Array";
    default: return "another typed array";
  }
}

}  // namespace

Arguments::Arguments(napi_env env, napi_callback_info info, const char* function, size_t expected)
    : env_(env), function_(function) {
  size_t given = capacity;
  if (napi_get_cb_info(env, info, &given, values_, nullptr, nullptr) != napi_ok || given < expected) {
    char text[160];
    std::snprintf(text, sizeof text, "%s takes %zu arguments, got %zu", function, expected, given);
    napi_throw_type_error(env, nullptr, text);
    ok_ = false;
  }
}

void Arguments::fail_type(size_t index, const char* name, const char* expected) {
  if (!ok_) return;
  ok_ = false;
  char text[240];
  std::snprintf(text, sizeof text, "%s: %s (argument %zu) must be %s", function_, name, index + 1, expected);
  napi_throw_type_error(env_, nullptr, text);
}

void Arguments::fail_range(const char* format, ...) {
  if (!ok_) return;
  ok_ = false;
  char what[240];
  va_list list;
  va_start(list, format);
  std::vsnprintf(what, sizeof what, format, list);
  va_end(list);
  char text[320];
  std::snprintf(text, sizeof text, "%s: %s", function_, what);
  napi_throw_range_error(env_, nullptr, text);
}

Level Arguments::level() {
  const int64_t number = integer(0, "level", 0, level_count - 1);
  const Level level = static_cast<Level>(number);
  if (ok_ && !level_available(level)) fail_range("this processor does not run level %s", level_name(level));
  return level;
}

unsigned Arguments::threads() { return static_cast<unsigned>(integer(1, "threads", 1, 256)); }

int64_t Arguments::integer(size_t index, const char* name, int64_t low, int64_t high) {
  if (!ok_) return 0;
  double value = 0;
  if (napi_get_value_double(env_, values_[index], &value) != napi_ok) {
    fail_type(index, name, "a number");
    return 0;
  }
  if (!(value >= static_cast<double>(low) && value <= static_cast<double>(high)) || value != std::floor(value)) {
    fail_range("%s is %.17g, must be an integer in [%lld, %lld]", name, value, static_cast<long long>(low),
               static_cast<long long>(high));
    return 0;
  }
  return static_cast<int64_t>(value);
}

double Arguments::number(size_t index, const char* name) {
  if (!ok_) return 0;
  double value = 0;
  if (napi_get_value_double(env_, values_[index], &value) != napi_ok) fail_type(index, name, "a number");
  return value;
}

bool Arguments::absent(size_t index) {
  if (!ok_) return true;
  napi_valuetype type;
  return napi_typeof(env_, values_[index], &type) != napi_ok || type == napi_undefined || type == napi_null;
}

int Arguments::array_type(size_t index) {
  bool is = false;
  if (!ok_ || napi_is_typedarray(env_, values_[index], &is) != napi_ok || !is) return -1;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env_, values_[index], &type, nullptr, nullptr, nullptr, nullptr) != napi_ok) return -1;
  return static_cast<int>(type);
}

void* Arguments::array_data(size_t index, const char* name, napi_typedarray_type type, size_t needed, size_t* length) {
  if (!ok_) return nullptr;
  if (array_type(index) != static_cast<int>(type)) {
    fail_type(index, name, type_name(type));
    return nullptr;
  }
  napi_typedarray_type found;
  size_t elements = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env_, values_[index], &found, &elements, &data, nullptr, nullptr) != napi_ok) {
    fail_type(index, name, type_name(type));
    return nullptr;
  }
  if (elements < needed) {
    fail_range("%s holds %zu elements, needs %zu", name, elements, needed);
    return nullptr;
  }
  // An empty array may have no memory; a valid pointer keeps null for "absent".
  static double nowhere[8];
  if (length) *length = elements;
  return data ? data : nowhere;
}

napi_value Arguments::undefined() {
  napi_value result = nullptr;
  napi_get_undefined(env_, &result);
  return result;
}

void export_functions(napi_env env, napi_value exports, const Export* functions, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, nullptr, &function) !=
        napi_ok)
      return;
    napi_set_named_property(env, exports, functions[i].name, function);
  }
}

}  // namespace seedcast
