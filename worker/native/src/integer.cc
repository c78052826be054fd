// Integer networks for JavaScript: packed weights, products, recurrent cells and the rest of the integer operations of
// shared/objectives/engine.ts. Shapes and indices are checked here; rows are cut over the pool's threads, and no row
// depends on the cut.
#include "integer.h"

#include <atomic>
#include <cstring>

#include "arguments.h"
#include "families.h"
#include "pool.h"

namespace seedcast {
namespace {

const IntegerKernels& integer_kernels(Level level) {
#if SEEDCAST_X86
  static const Tables<IntegerKernels> tables = {&integer_portable, nullptr, &integer_avx2, &integer_avx512,
                                                &integer_avx512_vnni};
#elif SEEDCAST_ARM
  static const Tables<IntegerKernels> tables = {&integer_portable, &integer_neon, nullptr, nullptr, nullptr};
#else
  static const Tables<IntegerKernels> tables = {&integer_portable, nullptr, nullptr, nullptr, nullptr};
#endif
  return pick(tables, level);
}

constexpr size_t alignment = 64;

void* aligned(uint8_t* memory) {
  return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(memory) + alignment - 1) & ~uintptr_t{alignment - 1});
}

// Room for the packed form, which begins at the first multiple of 64 of its memory.
size_t packed_room(const IntegerKernels& kernels, size_t out, size_t in) {
  return kernels.packed_bytes(out, in) + alignment;
}

// Widths of a product: int32 holds sums of 65,536 products of int8.
size_t input_width(Arguments& a, size_t index, const char* name) {
  return static_cast<size_t>(a.integer(index, name, 1, 65536));
}
size_t output_width(Arguments& a, size_t index, const char* name) {
  return static_cast<size_t>(a.integer(index, name, 1, 1 << 24));
}
int shift_of(Arguments& a, size_t index, const char* name) { return static_cast<int>(a.integer(index, name, 0, 31)); }
bool is_shared(Arguments& a, size_t index, const char* name, size_t members) {
  const size_t given = a.size(index, name, 1);
  if (a.ok() && given != 1 && given != members) a.fail_range("%s is %zu, must be 1 or %zu", name, given, members);
  return given == 1;
}

// Arguments `at` to at + 2: A [directions, out], B [directions, in], shift; `members`: direction and sign of each.
LowRank noise_of(Arguments& a, size_t at, size_t members_at, size_t members, size_t out, size_t in) {
  if (a.absent(at)) return {nullptr, nullptr, nullptr, nullptr, 0};
  size_t length = 0;
  const int8_t* left = a.array<int8_t>(at, "A", out, &length);
  const size_t directions = out > 0 ? length / out : 0;
  const int8_t* right = a.array<int8_t>(at + 1, "B", product(directions, in));
  const int shift = shift_of(a, at + 2, "shift of the perturbation");
  const int32_t* direction = a.array<int32_t>(members_at, "directions", members);
  const int8_t* sign = a.array<int8_t>(members_at + 1, "signs", members);
  if (!a.ok()) return {nullptr, nullptr, nullptr, nullptr, 0};
  for (size_t p = 0; p < members; p++) {
    if (direction[p] < 0 || static_cast<size_t>(direction[p]) >= directions) {
      a.fail_range("direction %d of member %zu is not one of the %zu in A", direction[p], p, directions);
      break;
    }
  }
  return {left, right, direction, sign, shift};
}

napi_value memory_or_undefined(Arguments& a, const std::atomic<bool>& short_of_memory) {
  if (short_of_memory) {
    a.fail_range("no memory for its work space");
    return nullptr;
  }
  return a.undefined();
}

// level, threads, out, in → bytes that packInt8 needs.
napi_value packed_bytes(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "packedInt8Bytes", 4);
  const IntegerKernels& kernels = integer_kernels(a.level());
  a.threads();
  const size_t out = output_width(a, 2, "out"), in = input_width(a, 3, "in");
  if (!a.ok()) return nullptr;
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(packed_room(kernels, out, in)), &result);
  return result;
}

// level, threads, weight, out, in, packed
napi_value pack_int8(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "packInt8", 6);
  const IntegerKernels& kernels = integer_kernels(a.level());
  const unsigned threads = a.threads();
  const size_t out = output_width(a, 3, "out"), in = input_width(a, 4, "in");
  const int8_t* weight = a.array<int8_t>(2, "weight", product(out, in));
  uint8_t* packed = a.array<uint8_t>(5, "packed", packed_room(kernels, out, in));
  if (!a.ok()) return nullptr;
  void* const to = aligned(packed);
  parallel_for((out + kernels.panel - 1) / kernels.panel, 1, threads,
               [&](size_t begin, size_t end) { kernels.pack(weight, out, in, begin, end, to); });
  return a.undefined();
}

// level, threads, x, xMembers, members, rows, in, packed, out, shift, result, A, B, perturbation's shift, directions, signs
napi_value linear(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "integerLinear", 16);
  const IntegerKernels& kernels = integer_kernels(a.level());
  const unsigned threads = a.threads();
  IntegerLinear task;
  task.members = a.size(4, "members", 1);
  task.shared = is_shared(a, 3, "xMembers", task.members);
  task.rows = a.size(5, "rows");
  task.in = input_width(a, 6, "in");
  task.out = output_width(a, 8, "out");
  task.x = a.array<int8_t>(2, "x", product(product(task.shared ? 1 : task.members, task.rows), task.in));
  uint8_t* packed = a.array<uint8_t>(7, "packed", a.ok() ? packed_room(kernels, task.out, task.in) : 0);
  task.shift = shift_of(a, 9, "shift");
  task.result = a.array<int8_t>(10, "result", product(product(task.members, task.rows), task.out));
  task.noise = noise_of(a, 11, 14, task.members, task.out, task.in);
  if (!a.ok()) return nullptr;
  task.packed = aligned(packed);
  std::atomic<bool> failed{false};
  const size_t count = task.shared ? task.rows : task.members * task.rows;
  parallel_for(count, task.shared ? 24 : 96, threads, [&](size_t begin, size_t end) {
    if (!kernels.linear(task, begin, end)) failed = true;
  });
  return memory_or_undefined(a, failed);
}

// level, threads, xf, xh, members, batch, steps, width, packed Uf, packed Uh, shift, bf, bfMembers, bh, bhMembers, resets,
// resetsMembers, result, A and B and shift of Uf, of Uh, directions, signs
napi_value gru(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "integerGru", 26);
  const IntegerKernels& kernels = integer_kernels(a.level());
  const unsigned threads = a.threads();
  IntegerGru task;
  task.members = a.size(4, "members", 1);
  task.batch = a.size(5, "batch");
  task.steps = a.size(6, "steps");
  task.width = input_width(a, 7, "width");
  const size_t positions = product(task.batch, task.steps);
  const size_t elements = product(product(task.members, positions), task.width);
  task.xf = a.array<int8_t>(2, "xf", elements);
  task.xh = a.array<int8_t>(3, "xh", elements);
  const size_t room = a.ok() ? packed_room(kernels, task.width, task.width) : 0;
  uint8_t* uf = a.array<uint8_t>(8, "Uf", room);
  uint8_t* uh = a.array<uint8_t>(9, "Uh", room);
  task.shift = shift_of(a, 10, "shift");
  task.shared_bf = is_shared(a, 12, "bfMembers", task.members);
  task.bf = a.array<int8_t>(11, "bf", product(task.shared_bf ? 1 : task.members, task.width));
  task.shared_bh = is_shared(a, 14, "bhMembers", task.members);
  task.bh = a.array<int8_t>(13, "bh", product(task.shared_bh ? 1 : task.members, task.width));
  task.shared_resets = is_shared(a, 16, "resetsMembers", task.members);
  task.resets = a.array<int32_t>(15, "resets", product(task.shared_resets ? 1 : task.members, positions));
  task.result = a.array<int8_t>(17, "result", elements);
  task.noise_f = noise_of(a, 18, 24, task.members, task.width, task.width);
  task.noise_h = noise_of(a, 21, 24, task.members, task.width, task.width);
  if (!a.ok()) return nullptr;
  task.uf = aligned(uf);
  task.uh = aligned(uh);
  // Few enough rows that threads share evenly, enough that a panel of weights serves several.
  const size_t sequences = task.members * task.batch;
  const size_t share = (sequences + 2 * threads - 1) / (2 * threads);
  const size_t grain = share < 6 ? 6 : share > 48 ? 48 : share;
  std::atomic<bool> failed{false};
  parallel_for(sequences, grain, threads, [&](size_t begin, size_t end) {
    if (!kernels.gru(task, begin, end)) failed = true;
  });
  return memory_or_undefined(a, failed);
}

// level, threads, x, xMembers, members, rows, width, gain, gainMembers, result
napi_value norm(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "integerNorm", 10);
  const IntegerKernels& kernels = integer_kernels(a.level());
  const unsigned threads = a.threads();
  const size_t members = a.size(4, "members", 1), rows = a.size(5, "rows"), width = output_width(a, 6, "width");
  const bool shared_x = is_shared(a, 3, "xMembers", members), shared_gain = is_shared(a, 8, "gainMembers", members);
  const int8_t* x = a.array<int8_t>(2, "x", product(product(shared_x ? 1 : members, rows), width));
  const int8_t* gain = a.array<int8_t>(7, "gain", product(shared_gain ? 1 : members, width));
  int8_t* result = a.array<int8_t>(9, "result", product(product(members, rows), width));
  if (!a.ok()) return nullptr;
  parallel_for(members * rows, 65536 / width + 1, threads, [&](size_t begin, size_t end) {
    kernels.norm(x, shared_x, gain, shared_gain, rows, width, begin, end, result);
  });
  return a.undefined();
}

// level, threads, x, xMembers, y, yMembers, members, size of one member, result
napi_value add(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "integerAdd", 9);
  const IntegerKernels& kernels = integer_kernels(a.level());
  const unsigned threads = a.threads();
  const size_t members = a.size(6, "members", 1), size = a.size(7, "size");
  const bool shared_x = is_shared(a, 3, "xMembers", members), shared_y = is_shared(a, 5, "yMembers", members);
  const int8_t* x = a.array<int8_t>(2, "x", product(shared_x ? 1 : members, size));
  const int8_t* y = a.array<int8_t>(4, "y", product(shared_y ? 1 : members, size));
  int8_t* result = a.array<int8_t>(8, "result", product(members, size));
  if (!a.ok()) return nullptr;
  if (shared_x || shared_y) {
    parallel_for(members, 262144 / (size + 1) + 1, threads, [&](size_t begin, size_t end) {
      for (size_t p = begin; p < end; p++) {
        kernels.add(x + (shared_x ? 0 : p * size), y + (shared_y ? 0 : p * size), size, result + p * size);
      }
    });
  } else {
    parallel_for(members * size, 262144, threads,
                 [&](size_t begin, size_t end) { kernels.add(x + begin, y + begin, end - begin, result + begin); });
  }
  return a.undefined();
}

// level, threads, tokens, tokensMembers, members, rows, vocabulary, width, weight, result, A, B, shift, directions, signs
napi_value embedding(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "integerEmbedding", 15);
  const IntegerKernels& kernels = integer_kernels(a.level());
  const unsigned threads = a.threads();
  IntegerEmbedding task;
  task.members = a.size(4, "members", 1);
  task.shared = is_shared(a, 3, "tokensMembers", task.members);
  task.rows = a.size(5, "rows");
  task.vocabulary = output_width(a, 6, "vocabulary");
  task.width = output_width(a, 7, "width");
  const size_t positions = product(task.shared ? 1 : task.members, task.rows);
  task.tokens = a.array<int32_t>(2, "tokens", positions);
  task.weight = a.array<int8_t>(8, "weight", product(task.vocabulary, task.width));
  task.result = a.array<int8_t>(9, "result", product(product(task.members, task.rows), task.width));
  task.noise = noise_of(a, 10, 13, task.members, task.vocabulary, task.width);
  if (!a.ok()) return nullptr;
  for (size_t i = 0; i < positions; i++) {
    if (task.tokens[i] < 0 || static_cast<size_t>(task.tokens[i]) >= task.vocabulary) {
      a.fail_range("token %d at %zu is not in [0, %zu)", task.tokens[i], i, task.vocabulary);
      return nullptr;
    }
  }
  parallel_for(task.members * task.rows, 65536 / task.width + 1, threads,
               [&](size_t begin, size_t end) { kernels.embedding(task, begin, end); });
  return a.undefined();
}

// level, threads, theta, width, members, result, a, b, shift, directions, signs: each member's own vector.
napi_value vectors(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "integerVectors", 11);
  const IntegerKernels& kernels = integer_kernels(a.level());
  a.threads();
  const size_t width = output_width(a, 3, "width"), members = a.size(4, "members", 1);
  const int8_t* theta = a.array<int8_t>(2, "theta", width);
  int8_t* result = a.array<int8_t>(5, "result", product(members, width));
  const LowRank noise = noise_of(a, 6, 9, members, width, width);
  if (a.ok() && !noise.a) a.fail_type(6, "a", "an Int8Array");
  if (!a.ok()) return nullptr;
  for (size_t p = 0; p < members; p++) {
    const size_t from = static_cast<size_t>(noise.direction[p]) * width;
    kernels.vector(theta, noise.a + from, noise.b + from, noise.sign[p], noise.shift, width, result + p * width);
  }
  return a.undefined();
}

// level, threads, logits, members, rows, targets, targetsMembers, result
napi_value log_likelihood(napi_env env, napi_callback_info info) {
  Arguments a(env, info, "integerLogLikelihood", 8);
  const IntegerKernels& kernels = integer_kernels(a.level());
  const unsigned threads = a.threads();
  const size_t members = a.size(3, "members", 1), rows = a.size(4, "rows");
  const bool shared = is_shared(a, 6, "targetsMembers", members);
  const int8_t* logits = a.array<int8_t>(2, "logits", product(product(members, rows), 256));
  const size_t positions = product(shared ? 1 : members, rows);
  const int32_t* targets = a.array<int32_t>(5, "targets", positions);
  int32_t* result = a.array<int32_t>(7, "result", product(members, rows));
  if (!a.ok()) return nullptr;
  for (size_t i = 0; i < positions; i++) {
    if (targets[i] < 0 || targets[i] > 255) {
      a.fail_range("target %d at %zu is not in [0, 256)", targets[i], i);
      return nullptr;
    }
  }
  parallel_for(members * rows, 256, threads, [&](size_t begin, size_t end) {
    for (size_t at = begin; at < end;) {
      const size_t row = at % rows, some = rows - row < end - at ? rows - row : end - at;
      kernels.log_likelihood(logits + 256 * at, targets + (shared ? row : at), some, result + at);
      at += some;
    }
  });
  return a.undefined();
}

}  // namespace

void export_integer(napi_env env, napi_value exports) {
  static const Export functions[] = {
      {"packedInt8Bytes", packed_bytes},
      {"packInt8", pack_int8},
      {"integerLinear", linear},
      {"integerGru", gru},
      {"integerNorm", norm},
      {"integerAdd", add},
      {"integerEmbedding", embedding},
      {"integerVectors", vectors},
      {"integerLogLikelihood", log_likelihood},
  };
  export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}

}  // namespace seedcast
