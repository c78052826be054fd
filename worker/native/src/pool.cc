// The pool of pool.h: one list of open jobs under one lock.
#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <pthread.h>

namespace seedcast {
namespace {

struct Job {
  ChunkFunction function;
  void* context;
  size_t count;
  size_t grain;
  std::atomic<size_t> next{0};
  // Guarded by the pool's lock.
  unsigned places = 0;
  unsigned active = 0;
  std::condition_variable idle;
  Job* following = nullptr;

  void work() {
    for (;;) {
      const size_t begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= count) return;
      const size_t end = begin + grain < count ? begin + grain : count;
      function(context, begin, end);
    }
  }
};

struct Pool {
  std::mutex lock;
  std::condition_variable wake;
  Job* jobs = nullptr;
  unsigned helpers = 0;
  unsigned sleeping = 0;
};

// Never destroyed: helpers may wait on it until the process is gone.
Pool& pool() {
  static Pool* const only = new Pool();
  return *only;
}

constexpr unsigned max_helpers = 255;

Job* open_job(Pool& p) {
  for (Job* job = p.jobs; job; job = job->following) {
    if (job->places > 0 && job->next.load(std::memory_order_relaxed) < job->count) return job;
  }
  return nullptr;
}

void* helper(void*) {
  Pool& p = pool();
  std::unique_lock<std::mutex> held(p.lock);
  for (;;) {
    Job* job = open_job(p);
    if (!job) {
      p.sleeping++;
      p.wake.wait(held);
      p.sleeping--;
      continue;
    }
    job->places--;
    job->active++;
    held.unlock();
    job->work();
    held.lock();
    if (--job->active == 0) job->idle.notify_one();
  }
  return nullptr;
}

// With the lock held. Fewer helpers than wished is not an error: the caller does the work.
void grow(Pool& p, unsigned wanted) {
  if (wanted > max_helpers) wanted = max_helpers;
  while (p.helpers < wanted) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, helper, nullptr) != 0) return;
    pthread_detach(thread);
    p.helpers++;
  }
}

struct Scratch {
  void* memory[scratch_slots] = {};
  size_t bytes[scratch_slots] = {};
  ~Scratch() {
    for (void* each : memory) std::free(each);
  }
};
thread_local Scratch mine;

}  // namespace

void run_chunks(size_t count, size_t grain, unsigned threads, ChunkFunction function, void* context) {
  if (count == 0) return;
  if (grain == 0) grain = 1;
  const size_t chunks = (count + grain - 1) / grain;
  if (threads <= 1 || chunks == 1) {
    for (size_t begin = 0; begin < count; begin += grain) {
      function(context, begin, begin + grain < count ? begin + grain : count);
    }
    return;
  }
  Job job;
  job.function = function;
  job.context = context;
  job.count = count;
  job.grain = grain;
  const unsigned wanted = static_cast<unsigned>(chunks < threads ? chunks : threads) - 1;
  Pool& p = pool();
  {
    std::lock_guard<std::mutex> held(p.lock);
    grow(p, wanted);
    job.places = wanted;
    job.following = p.jobs;
    p.jobs = &job;
  }
  for (unsigned i = 0; i < wanted; i++) p.wake.notify_one();
  job.work();
  std::unique_lock<std::mutex> held(p.lock);
  for (Job** at = &p.jobs; *at; at = &(*at)->following) {
    if (*at == &job) {
      *at = job.following;
      break;
    }
  }
  while (job.active > 0) job.idle.wait(held);
}

void* scratch(unsigned slot, size_t bytes) {
  if (mine.bytes[slot] < bytes || !mine.memory[slot]) {
    std::free(mine.memory[slot]);
    mine.bytes[slot] = 0;
    const size_t rounded = (bytes + 63) / 64 * 64 + 64;
    mine.memory[slot] = std::aligned_alloc(64, rounded);
    if (mine.memory[slot]) mine.bytes[slot] = rounded;
  }
  return mine.memory[slot];
}

}  // namespace seedcast
