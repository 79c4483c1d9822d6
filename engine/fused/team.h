// Threads that share every part of a layer and meet between the parts.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "product.h"

namespace {

// They spin a little, then yield, then sleep: a part of a layer takes microseconds, a pause much longer.
class Team {
 public:
  explicit Team(int count) : count_(count) {}

  // Fewer than was said; before the first work, while those that there are wait.
  void shrink(int count) { count_ = count; }

  void meet() {
    if (count_ == 1) return;
    const int seen = phase_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(seen + 1, std::memory_order_release);
      phase_.notify_all();
      return;
    }
    for (int i = 0; i < kSpins; i++) {
      if (phase_.load(std::memory_order_acquire) != seen) return;
      relax();
    }
    // Two of the team may be on one core: let the other go on. On an idle one this returns at once.
    const auto late = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < late) {
      std::this_thread::yield();
      if (phase_.load(std::memory_order_acquire) != seen) return;
    }
    phase_.wait(seen, std::memory_order_acquire);
  }

  // Whether each gets as many of `total`.
  bool even(int total) const { return total % count_ == 0; }

  Range share(int total, int who) const {
    return {int(int64_t(total) * who / count_), int(int64_t(total) * (who + 1) / count_)};
  }

 private:
  static constexpr int kSpins = 64;
  static constexpr std::chrono::microseconds kPatience{50};
  static void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  std::atomic<int> count_, phase_{0}, arrived_{0};
};

}  // namespace
