// Sixteen lanes of fp32 or int32, in as many registers as the instruction set takes; fp16 in memory.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(FORGE_SCALAR)
#elif defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace {

constexpr int kRows = 16;  // of a record, and lanes of every sum

#if defined(FORGE_SCALAR)
constexpr int kWidth = 4;
#elif defined(__AVX512VNNI__)
constexpr int kWidth = 16;
#elif defined(__AVX2__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif
constexpr int kParts = kRows / kWidth;
typedef float Floats __attribute__((vector_size(kWidth * 4)));
typedef int32_t Ints __attribute__((vector_size(kWidth * 4)));
typedef int8_t Bytes __attribute__((vector_size(kWidth)));

template <class T>
inline T load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
inline void store(void* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

inline Floats all(float value) { return Floats{} + value; }
inline Floats larger(Floats a, Floats b) { return a > b ? a : b; }

struct Lanes {
  Floats part[kParts] = {};

  static Lanes from(const float* values) {
    Lanes lanes;
    for (int s = 0; s < kParts; s++) lanes.part[s] = load<Floats>(values + s * kWidth);
    return lanes;
  }
  void to(float* values) const {
    for (int s = 0; s < kParts; s++) store(values + s * kWidth, part[s]);
  }
  // The sum of all lanes, halves upon halves.
  float sum() const {
    float lane[kRows];
    to(lane);
    for (int half = kRows / 2; half; half /= 2)
      for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
  }
  float most() const {
    float lane[kRows], most;
    to(lane);
    most = lane[0];
    for (float value : lane) most = value > most ? value : most;
    return most;
  }
};

// The nearest integer, ties to even, of |x| < 2^22.
inline Ints nearest(Floats x) {
  const Floats magic = all(12582912.0f);
  return (Ints)(x + magic) - (Ints)magic;
}

// e^x to 2 ulp: x = n ln 2 + r, a polynomial in r (Cephes), 2^n by its bits.
inline Floats exponential(Floats x) {
  x = larger(x, all(-87.0f));
  x = x < all(88.0f) ? x : all(88.0f);
  const Ints n = nearest(x * 1.44269504f);
  const Floats whole = __builtin_convertvector(n, Floats);
  const Floats r = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
  Floats y = all(1.9875691500e-4f);
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = (y * r) * r + r + 1.0f;
  return y * (Floats)((n + 127) << 23);
}

// ---- Halves: the cache and the scales are kept in fp16, which halves what a step reads of them.

#if defined(FORGE_SCALAR)
inline uint16_t half_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint16_t sign = bits >> 16 & 0x8000;
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) return sign | 0x7e00;
  if (bits >= 0x47800000) return sign | 0x7c00;
  if (bits < 0x38800000) {  // subnormal: 0.5 has the step of the smallest half, 2^-24
    float shifted;
    std::memcpy(&shifted, &bits, 4);
    shifted += 0.5f;
    std::memcpy(&bits, &shifted, 4);
    return sign | uint16_t(bits - 0x3f000000);
  }
  return sign | uint16_t((bits + 0xfff + (bits >> 13 & 1) - 0x38000000) >> 13);
}
inline float whole_of(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000) << 16, rest = half & 0x7fff;
  const uint32_t bits = rest < 0x7c00 ? rest << 13 : 0x7f800000 | rest << 13;
  float value;
  std::memcpy(&value, &bits, 4);
  if (rest < 0x7c00) value *= 5.192296858534828e33f;  // 2^112, the difference of the biases
  return sign ? -value : value;
}
inline Floats widen(const uint16_t* from) {
  Floats wide;
  for (int i = 0; i < kWidth; i++) wide[i] = whole_of(from[i]);
  return wide;
}
inline void narrow(Floats wide, uint16_t* to) {
  for (int i = 0; i < kWidth; i++) to[i] = half_of(wide[i]);
}
#elif defined(__AVX512VNNI__)
inline Floats widen(const uint16_t* from) { return (Floats)_mm512_cvtph_ps(load<__m256i>(from)); }
inline void narrow(Floats wide, uint16_t* to) {
  store(to, _mm512_cvtps_ph((__m512)wide, _MM_FROUND_TO_NEAREST_INT));
}
#elif defined(__AVX2__)
inline Floats widen(const uint16_t* from) { return (Floats)_mm256_cvtph_ps(load<__m128i>(from)); }
inline void narrow(Floats wide, uint16_t* to) {
  store(to, _mm256_cvtps_ph((__m256)wide, _MM_FROUND_TO_NEAREST_INT));
}
#else
inline Floats widen(const uint16_t* from) { return (Floats)vcvt_f32_f16(load<float16x4_t>(from)); }
inline void narrow(Floats wide, uint16_t* to) { store(to, vcvt_f16_f32((float32x4_t)wide)); }
#endif

// Into fp16, what is beyond it as its largest.
inline void keep(const float* from, int count, uint16_t* to) {
  for (int i = 0; i < count; i += kWidth) {
    Floats value = load<Floats>(from + i);
    value = value > all(65504.0f) ? all(65504.0f) : value;
    value = value < all(-65504.0f) ? all(-65504.0f) : value;
    narrow(value, to + i);
  }
}

}  // namespace
