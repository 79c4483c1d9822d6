// Threads that share every part of a layer and meet between the parts.
#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "product.h"

namespace {

// They spin, then sleep: a part of a layer takes microseconds. One that shares its core with another of
// the team goes to another core, which the system would not see to for long, and yields. Nobody else
// yields: a strange process would take milliseconds.
class Team {
 public:
  explicit Team(int count) : count_(count), seats_(count) {}

  // Fewer than was said; before the first work, while those that there are wait.
  void shrink(int count) { count_ = count; }

  void meet(int who) {
    if (count_ == 1) return;
    const int core = sched_getcpu();
    if (seats_[who].core.load(std::memory_order_relaxed) != core)
      seats_[who].core.store(core, std::memory_order_relaxed);
    const int seen = phase_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(seen + 1, std::memory_order_release);
      phase_.notify_all();
      return;
    }
    const auto late = std::chrono::steady_clock::now() + kPatience;
    do {
      for (int i = 0; i < kSpins; i++) {
        if (phase_.load(std::memory_order_acquire) != seen) return;
        relax();
      }
      if (crowded(who, core)) {
        if (who) part(seats_[who], core);  // the caller's thread is not ours to move
        std::this_thread::yield();
      }
    } while (std::chrono::steady_clock::now() < late);
    phase_.wait(seen, std::memory_order_acquire);
  }

  // Whether each gets as many of `total`.
  bool even(int total) const { return total % count_ == 0; }

  Range share(int total, int who) const {
    return {int(int64_t(total) * who / count_), int(int64_t(total) * (who + 1) / count_)};
  }

 private:
  // Where one was last seen, and when it may move again; a line of the cache each.
  struct alignas(kLine) Seat {
    std::atomic<int> core{-1};
    std::chrono::steady_clock::time_point again{};
  };

  // Whether another of the team was last seen on this core.
  bool crowded(int who, int core) const {
    for (int i = 0; i < count_; i++)
      if (i != who && seats_[i].core.load(std::memory_order_relaxed) == core) return true;
    return false;
  }

  // To another of the cores that we may use; that we may use them all stays.
  static void part(Seat& seat, int core) {
    const auto now = std::chrono::steady_clock::now();
    if (now < seat.again) return;
    seat.again = now + kStay;
    cpu_set_t given;
    if (sched_getaffinity(0, sizeof given, &given)) return;
    cpu_set_t others = given;
    CPU_CLR(core, &others);
    if (CPU_COUNT(&others) && !sched_setaffinity(0, sizeof others, &others))
      sched_setaffinity(0, sizeof given, &given);
  }

  static constexpr int kSpins = 64;
  static constexpr std::chrono::microseconds kPatience{50};
  static constexpr std::chrono::milliseconds kStay{20};
  static void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  std::atomic<int> count_, phase_{0}, arrived_{0};
  std::vector<Seat> seats_;
};

}  // namespace
