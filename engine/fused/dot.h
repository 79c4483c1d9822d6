// Dot: int32 sums of four products a lane, the one part that each instruction set has for itself.
//
// `add` takes two quads of codes, 64 bytes apart, and the two quads of activations (-127 to 127);
// kOffset is what stands in memory above each code, and 128 times less the activations' sum is what
// it starts from then. No path saturates: all give the same integers.
#pragma once

#include "lanes.h"

namespace {

constexpr int kBlock = 64;  // columns that share a scale

#if defined(FORGE_SCALAR)
struct Dot {
  static constexpr int kOffset = 0;
  Ints sums;
  Dot() = default;
  explicit Dot(int32_t start) : sums(Ints{} + start) {}
  void add(const uint8_t* w, const int8_t* a) {
    for (int quad = 0; quad < 2; quad++)
      for (int lane = 0; lane < kWidth; lane++)
        for (int i = 0; i < 4; i++)
          sums[lane] += int8_t(w[quad * kBlock + lane * 4 + i]) * a[quad * 4 + i];
  }
  Ints finish() const { return sums; }
};
#elif defined(__AVX512VNNI__)
struct Dot {
  static constexpr int kOffset = 128;
  __m512i sums;
  Dot() = default;
  explicit Dot(int32_t start) : sums(_mm512_set1_epi32(start)) {}
  void add(const uint8_t* w, const int8_t* a) {
    sums = _mm512_dpbusd_epi32(sums, load<__m512i>(w), _mm512_set1_epi32(load<int>(a)));
    sums = _mm512_dpbusd_epi32(sums, load<__m512i>(w + kBlock),
                               _mm512_set1_epi32(load<int>(a + 4)));
  }
  Ints finish() const { return (Ints)sums; }
};
#elif defined(__AVXVNNI__)
struct Dot {
  static constexpr int kOffset = 128;
  __m256i sums;
  Dot() = default;
  explicit Dot(int32_t start) : sums(_mm256_set1_epi32(start)) {}
  void add(const uint8_t* w, const int8_t* a) {
    sums = _mm256_dpbusd_avx_epi32(sums, load<__m256i>(w), _mm256_set1_epi32(load<int>(a)));
    sums = _mm256_dpbusd_avx_epi32(sums, load<__m256i>(w + kBlock),
                                   _mm256_set1_epi32(load<int>(a + 4)));
  }
  Ints finish() const { return (Ints)sums; }
};
#elif defined(__AVX2__)
struct Dot {
  static constexpr int kOffset = 0;
  __m256i sums;
  Dot() = default;
  explicit Dot(int32_t start) : sums(_mm256_set1_epi32(start)) {}
  void add(const uint8_t* w, const int8_t* a) {
    one(load<__m256i>(w), load<int>(a));
    one(load<__m256i>(w + kBlock), load<int>(a + 4));
  }
  // |w| is unsigned and at most 128: two products stay within 16 bits, nothing saturates.
  void one(__m256i w, int quad) {
    const __m256i a = _mm256_sign_epi8(_mm256_set1_epi32(quad), w);
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), a);
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  Ints finish() const { return (Ints)sums; }
};
#elif defined(__ARM_FEATURE_DOTPROD)
struct Dot {
  static constexpr int kOffset = 0;
  int32x4_t sums;
  Dot() = default;
  explicit Dot(int32_t start) : sums(vdupq_n_s32(start)) {}
  void add(const uint8_t* w, const int8_t* a) {
    const int8x8_t quads = load<int8x8_t>(a);
    sums = vdotq_lane_s32(sums, load<int8x16_t>(w), quads, 0);
    sums = vdotq_lane_s32(sums, load<int8x16_t>(w + kBlock), quads, 1);
  }
  Ints finish() const { return (Ints)sums; }
};
#elif defined(__ARM_NEON)
struct Dot {
  static constexpr int kOffset = 0;
  int32x4_t low, high;  // of two rows each, two sums a row
  Dot() = default;
  explicit Dot(int32_t start) : low(vdupq_n_s32(0)), high(low) { (void)start; }
  void add(const uint8_t* w, const int8_t* a) {
    const int32x2_t quads = load<int32x2_t>(a);
    const int8x8_t a0 = vreinterpret_s8_s32(vdup_lane_s32(quads, 0));
    const int8x8_t a1 = vreinterpret_s8_s32(vdup_lane_s32(quads, 1));
    const int8x16_t w0 = load<int8x16_t>(w), w1 = load<int8x16_t>(w + kBlock);
    // |w| <= 128 and |a| <= 127: two products stay within 16 bits.
    low = vpadalq_s16(low, vmlal_s8(vmull_s8(vget_low_s8(w0), a0), vget_low_s8(w1), a1));
    high = vpadalq_s16(high, vmlal_s8(vmull_s8(vget_high_s8(w0), a0), vget_high_s8(w1), a1));
  }
  Ints finish() const { return (Ints)vpaddq_s32(low, high); }
};
#else
#error "no kernel for these flags: give -DFORGE_SCALAR"
#endif

}  // namespace
