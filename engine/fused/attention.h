// Attention of one query over the cache of one sequence and head.
//
// Keys lie in tiles of 16 positions (E, 16), so that a lane is a position; values as (positions, E).
// Both are fp16. E, the width of a head, is a multiple of 16.
#pragma once

#include <cstddef>

#include "lanes.h"

namespace {

// Rotary positions (Su et al. 2021): `x` by the angles of one position (E / 2 each), times `scale`.
inline void rotate(float* x, const float* cos, const float* sin, int width, float scale) {
  const int half = width / 2;
  for (int i = 0; i < half; i++) {
    const float a = x[i], b = x[i + half];
    x[i] = (a * cos[i] - b * sin[i]) * scale;
    x[i + half] = (b * cos[i] + a * sin[i]) * scale;
  }
}

inline void keep_key(const float* key, int position, int width, uint16_t* keys) {
  uint16_t half[kRows];
  uint16_t* tile = keys + size_t(position / kRows) * kRows * width + position % kRows;
  for (int e = 0; e < width; e += kRows) {
    keep(key + e, kRows, half);
    for (int i = 0; i < kRows; i++) tile[(e + i) * kRows] = half[i];
  }
}

inline void keep_value(const float* value, int position, int width, uint16_t* values) {
  keep(value, width, values + size_t(position) * width);
}

// e^(score - largest) of positions 0 to `last`, zeros to the end of the tile; their sum.
inline float softmax(const float* query, const uint16_t* keys, int last, int width,
                     float* scores) {
  const int tiles = last / kRows + 1;
  Lanes most;
  for (int tile = 0; tile < tiles; tile++) {
    const uint16_t* key = keys + size_t(tile) * kRows * width;
    Lanes sums[4];
    for (int e = 0; e < width; e += 4)
      for (int i = 0; i < 4; i++)
        for (int s = 0; s < kParts; s++)
          sums[i].part[s] += widen(key + (e + i) * kRows + s * kWidth) * query[e + i];
    for (int s = 0; s < kParts; s++)
      sums[0].part[s] = (sums[0].part[s] + sums[1].part[s]) + (sums[2].part[s] + sums[3].part[s]);
    sums[0].to(scores + tile * kRows);
  }
  for (int i = last + 1; i < tiles * kRows; i++) scores[i] = scores[last];
  for (int tile = 0; tile < tiles; tile++) {
    const Lanes own = Lanes::from(scores + tile * kRows);
    for (int s = 0; s < kParts; s++)
      most.part[s] = tile ? larger(most.part[s], own.part[s]) : own.part[s];
  }
  const float peak = most.most();
  for (int i = 0; i < tiles * kRows; i += kWidth)
    store(scores + i, exponential(load<Floats>(scores + i) - peak));
  for (int i = last + 1; i < tiles * kRows; i++) scores[i] = 0;
  Lanes total;
  for (int i = 0; i < tiles * kRows; i += kWidth)
    total.part[i / kWidth % kParts] += load<Floats>(scores + i);
  return total.sum();
}

// 16 N columns of the weighted values; several together read whole lines of the cache.
template <int N>
inline void columns(const float* scores, const uint16_t* values, int last, int width, float rate,
                    float* out) {
  constexpr int parts = N * kParts;
  Floats even[parts] = {}, odd[parts] = {};
  for (int p = 0; p <= last; p += 2) {
    const uint16_t* value = values + size_t(p) * width;
    for (int s = 0; s < parts; s++) {
      even[s] += widen(value + s * kWidth) * scores[p];
      odd[s] += widen(value + width + s * kWidth) * scores[p + 1];
    }
  }
  for (int s = 0; s < parts; s++) store(out + s * kWidth, (even[s] + odd[s]) * rate);
}

// The values, weighted: even positions and odd ones apart, then together.
inline void gather(const float* scores, const uint16_t* values, int last, float total, int width,
                   float* out) {
  const float rate = 1.0f / total;
  constexpr int most = kWidth == 16 ? 4 : 2;  // what the registers hold
  int e = 0;
  for (; e + most * kRows <= width; e += most * kRows)
    columns<most>(scores, values + e, last, width, rate, out + e);
  for (; e < width; e += kRows) columns<1>(scores, values + e, last, width, rate, out + e);
}

}  // namespace
