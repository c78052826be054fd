// Arguments of exported functions, checked one by one: the first that does not fit throws a TypeError or RangeError which
// names the function, the argument and the bad value. After a failure every accessor gives zero or null, and the caller
// returns at `if (!a.ok()) return nullptr;` before it touches memory. Typed arrays over shared memory are taken too.
#pragma once
#include <node_api.h>

#include <cstddef>
#include <cstdint>

#include "dispatch.h"

namespace seedcast {

class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info, const char* function, size_t expected);

  bool ok() const { return ok_; }

  // The first two arguments of every kernel: the SIMD level, and the threads to use (1 to 256).
  Level level();
  unsigned threads();

  // An integer in [low, high], both at most 2^53 in size.
  int64_t integer(size_t index, const char* name, int64_t low, int64_t high);
  uint32_t uint32(size_t index, const char* name) {
    return static_cast<uint32_t>(integer(index, name, 0, 0xffffffffLL));
  }
  // A length or count in [low, 2^40].
  size_t size(size_t index, const char* name, int64_t low = 0) {
    return static_cast<size_t>(integer(index, name, low, int64_t{1} << 40));
  }
  double number(size_t index, const char* name);
  bool absent(size_t index);

  // A typed array of T with at least `needed` elements.
  template <class T>
  T* array(size_t index, const char* name, size_t needed) {
    return static_cast<T*>(array_data(index, name, type_of(static_cast<T*>(nullptr)), needed, nullptr));
  }
  template <class T>
  T* array(size_t index, const char* name, size_t needed, size_t* length) {
    return static_cast<T*>(array_data(index, name, type_of(static_cast<T*>(nullptr)), needed, length));
  }
  // As `array`, or null for null and undefined.
  template <class T>
  T* optional_array(size_t index, const char* name, size_t needed) {
    return absent(index) ? nullptr : array<T>(index, name, needed);
  }
  // The type of a typed array, -1 for another value.
  int array_type(size_t index);

  void fail_type(size_t index, const char* name, const char* expected);
  void fail_range(const char* format, ...);
  // napi_value of `value`, for results.
  napi_value undefined();

 private:
  static napi_typedarray_type type_of(float*) { return napi_float32_array; }
  static napi_typedarray_type type_of(double*) { return napi_float64_array; }
  static napi_typedarray_type type_of(int8_t*) { return napi_int8_array; }
  static napi_typedarray_type type_of(uint8_t*) { return napi_uint8_array; }
  static napi_typedarray_type type_of(int16_t*) { return napi_int16_array; }
  static napi_typedarray_type type_of(int32_t*) { return napi_int32_array; }
  static napi_typedarray_type type_of(uint32_t*) { return napi_uint32_array; }
  void* array_data(size_t index, const char* name, napi_typedarray_type type, size_t needed, size_t* length);

  static constexpr size_t capacity = 32;
  napi_env env_;
  const char* function_;
  napi_value values_[capacity];
  bool ok_ = true;
};

// a·b, or SIZE_MAX where the product does not fit; lengths are checked against it.
inline size_t product(size_t a, size_t b) {
  if (a != 0 && b > SIZE_MAX / a) return SIZE_MAX;
  return a * b;
}

// Whether [a, a+bytes) and [b, b+bytes) overlap.
inline bool overlaps(const void* a, size_t a_bytes, const void* b, size_t b_bytes) {
  const uintptr_t x = reinterpret_cast<uintptr_t>(a), y = reinterpret_cast<uintptr_t>(b);
  return x < y + b_bytes && y < x + a_bytes;
}

struct Export {
  const char* name;
  napi_callback function;
};
void export_functions(napi_env env, napi_value exports, const Export* functions, size_t count);

}  // namespace seedcast
