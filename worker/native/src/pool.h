// The addon's own threads. `parallel_for` cuts [0, count) into chunks of `grain` and runs them on the calling thread and up
// to `threads` − 1 helpers; it returns when all are done. Calls from several Node worker threads at once share the helpers;
// each caller works on its own chunks, so none waits for a helper to become free. Helpers sleep on a condition variable
// between calls and end with the process. Which thread runs a chunk is not determined: a chunk must write only what is its own.
#pragma once
#include <cstddef>

namespace seedcast {

using ChunkFunction = void (*)(void* context, size_t begin, size_t end);

void run_chunks(size_t count, size_t grain, unsigned threads, ChunkFunction function, void* context);

// `body(begin, end)` for chunks [begin, end) of [0, count).
template <class Body>
void parallel_for(size_t count, size_t grain, unsigned threads, Body&& body) {
  run_chunks(
      count, grain, threads,
      [](void* context, size_t begin, size_t end) { (*static_cast<Body*>(context))(begin, end); }, &body);
}

// 64-byte aligned memory of the calling thread, kept for its next call: `slot` tells apart buffers in use at one time.
// Null when memory is short.
void* scratch(unsigned slot, size_t bytes);
constexpr unsigned scratch_slots = 8;

}  // namespace seedcast
