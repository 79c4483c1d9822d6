// Matrices and quantised activations, and the product of the two.
#pragma once

#include <cstddef>
#include <vector>

#include "dot.h"

namespace {

constexpr int kRecord = kRows * kBlock;  // codes of 16 rows and a block
constexpr size_t kLine = 64;             // of the processor's cache

// Scales of weights stand in memory times this: fp16 has its full precision from 2^-26 to 16 then.
// A power of two, taken off again with the activations' scales: it rounds nothing.
constexpr float kLift = 4096;

// Tokens whose sums fit the registers beside one another.
constexpr int kPanel = kWidth == 16 ? 8 : 4;

struct Matrix {
  uint8_t* records = nullptr;
  int rows = 0, blocks = 0;

  int groups() const { return rows / kRows; }
  const uint8_t* group(int g) const { return records + size_t(g) * bytes(kRows, blocks * kBlock); }
  // Of group g and block b, 16 in fp16.
  const uint16_t* scales(int g, int b) const {
    return reinterpret_cast<const uint16_t*>(group(g) + size_t(blocks) * kRecord) + b * kRows;
  }
  static size_t bytes(int rows, int columns) {
    const size_t group = size_t(columns / kBlock) * (kRecord + kRows * sizeof(uint16_t));
    return rows / kRows * ((group + kLine - 1) / kLine * kLine);
  }

  // codes (N, K / 64, 64) about the zero point 128, scales (N, K / 64).
  void pack(const uint8_t* codes, const float* scales) {
    constexpr uint8_t flip = 128 - Dot::kOffset;
    for (int g = 0; g < groups(); g++)
      for (int b = 0; b < blocks; b++) {
        uint8_t* record = const_cast<uint8_t*>(group(g)) + size_t(b) * kRecord;
        float own[kRows];
        for (int lane = 0; lane < kRows; lane++) {
          const size_t place = size_t(g * kRows + lane) * blocks + b;
          const uint8_t* from = codes + place * kBlock;
          for (int i = 0; i < kBlock; i++)
            record[(i / 4) * kBlock + lane * 4 + i % 4] = from[i] ^ flip;
          own[lane] = scales[place] * kLift;
        }
        keep(own, kRows, const_cast<uint16_t*>(this->scales(g, b)));
      }
  }

  // Row r in fp32.
  void row(int r, float* out) const {
    const int g = r / kRows, lane = r % kRows;
    for (int b = 0; b < blocks; b++) {
      const uint8_t* record = group(g) + size_t(b) * kRecord;
      const float scale = widen(scales(g, b) + lane / kWidth * kWidth)[lane % kWidth] / kLift;
      for (int i = 0; i < kBlock; i++) {
        const uint8_t code = record[(i / 4) * kBlock + lane * 4 + i % 4];
        out[b * kBlock + i] = float(int8_t(code ^ Dot::kOffset)) * scale;
      }
    }
  }
};

// Quantised rows: codes (n, K), scales (n, K / 64) over kLift, and what a sum over a block starts from.
struct Activations {
  std::vector<int8_t> codes;
  std::vector<float> scales;
  std::vector<int32_t> starts;

  Activations(int rows, int most)
      : codes(size_t(rows) * most), scales(codes.size() / kBlock), starts(scales.size()) {}

  void quantise(int n, const float* x, int columns) {
    for (int b = 0; b < columns / kBlock; b++) {
      const size_t place = size_t(n) * columns + size_t(b) * kBlock;
      Floats most = {}, value[kBlock / kWidth];
      for (int i = 0; i < kBlock / kWidth; i++) {
        value[i] = load<Floats>(x + b * kBlock + i * kWidth);
        most = larger(most, (Floats)((Ints)value[i] & 0x7fffffff));
      }
      float peak = 0;
      for (int i = 0; i < kWidth; i++) peak = most[i] > peak ? most[i] : peak;
      const float rate = peak > 0 ? 127.0f / peak : 0;
      Ints sum = {};
      for (int i = 0; i < kBlock / kWidth; i++) {
        const Ints code = nearest(value[i] * rate);
        sum += code;
        store(&codes[place + i * kWidth], __builtin_convertvector(code, Bytes));
      }
      int32_t total = 0;
      for (int i = 0; i < kWidth; i++) total += sum[i];
      scales[place / kBlock] = peak / 127.0f / kLift;
      starts[place / kBlock] = -Dot::kOffset * total;
    }
  }
};

// Products of a group of 16 rows with the T tokens from `first` on.
template <int T>
inline void panel(const Matrix& m, int g, const Activations& a, int first, Lanes (&out)[T]) {
  const uint8_t* record = m.group(g);
  const uint16_t* scales = m.scales(g, 0);
  const size_t row = size_t(first) * m.blocks;
  for (int t = 0; t < T; t++) out[t] = Lanes();
  for (int b = 0; b < m.blocks; b++, record += kRecord, scales += kRows) {
    Dot dots[T][kParts];
    for (int t = 0; t < T; t++)
      for (int s = 0; s < kParts; s++) dots[t][s] = Dot(a.starts[row + t * m.blocks + b]);
    for (int i = 0; i < kBlock; i += 8)
      for (int s = 0; s < kParts; s++)
        for (int t = 0; t < T; t++)
          dots[t][s].add(record + i * kRows + s * kWidth * 4,
                         &a.codes[(row + t * m.blocks + b) * kBlock + i]);
    for (int s = 0; s < kParts; s++) {
      const Floats scale = widen(scales + s * kWidth);
      for (int t = 0; t < T; t++)
        out[t].part[s] += __builtin_convertvector(dots[t][s].finish(), Floats) *
                          (scale * a.scales[row + t * m.blocks + b]);
    }
  }
}

struct Range {
  int first, last;
};

// The tokens from `t` on of group g, by panels of T and then of fewer.
template <int T, class Put>
void panels(const Matrix& m, int g, const Activations& a, int t, int n, Put put) {
  for (; t + T <= n; t += T) {
    Lanes out[T];
    panel(m, g, a, t, out);
    for (int i = 0; i < T; i++) put(t + i, g, out[i]);
  }
  if constexpr (T > 1) panels<T / 2>(m, g, a, t, n, put);
}

// The groups of `m` in `range` times the first `n` tokens: `put(token, group, lanes)` takes each.
// A group is read from memory once, whatever the number of tokens.
template <class Put>
void product(const Matrix& m, Range range, const Activations& a, int n, Put put) {
  for (int g = range.first; g < range.last; g++) panels<kPanel>(m, g, a, 0, n, put);
}

}  // namespace
