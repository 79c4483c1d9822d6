// The shape of a model, its packed weights in one piece of memory, and the cache of a sequence.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "product.h"

struct ForgeShape {
  int32_t dim, layers, heads, kv_heads, head_dim, ffn, vocab, context, tied;
  float eps;
};

namespace {

struct Release {
  void operator()(void* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<uint8_t, Release>;

struct Vector {
  float* values = nullptr;
  size_t count = 0;
};

struct Layer {
  Matrix qkv, out, gate_up, down;
  Vector norm_attention, norm_ffn;
};

// Every part of a model, one behind the other in the order of their use: own memory that is filled
// once, or memory of another's (a mapped file) that is only read. Large pages are not asked for: see
// docs/fused.md.
class Weights {
 public:
  std::vector<Layer> layers;
  Matrix embedding, head;
  Vector norm_final, cos, sin;

  Weights(const ForgeShape& s, const uint8_t* packed) : layers(s.layers), own_(!packed) {
    const size_t total = lay(s, nullptr);
    if (own_) {
      memory_.reset(static_cast<uint8_t*>(std::aligned_alloc(kLine, total)));
      if (!memory_) throw std::bad_alloc();
      std::memset(memory_.get(), 0, total);
    }
    // Nothing is ever written to what is not our own: `matrix` and `vector` see to it.
    base_ = own_ ? memory_.get() : const_cast<uint8_t*>(packed);
    lay(s, base_);
  }

  static size_t bytes(const ForgeShape& s) { return Weights(s).lay(s, nullptr); }
  const uint8_t* base() const { return base_; }

  bool matrix(int kind, int layer, const uint8_t* codes, const float* scales) {
    Matrix* m = nullptr;
    if (kind == 0) m = &embedding;
    else if (kind == 1) m = &head;
    else if (layer < 0 || layer >= int(layers.size())) return false;
    else if (kind == 2) m = &layers[layer].qkv;
    else if (kind == 3) m = &layers[layer].out;
    else if (kind == 4) m = &layers[layer].gate_up;
    else if (kind == 5) m = &layers[layer].down;
    if (!own_ || !m || !m->rows) return false;
    m->pack(codes, scales);
    return true;
  }

  bool vector(int kind, int layer, const float* values) {
    Vector* v = nullptr;
    if (kind == 0) v = &norm_final;
    else if (kind == 1) v = &cos;
    else if (kind == 2) v = &sin;
    else if (layer < 0 || layer >= int(layers.size())) return false;
    else if (kind == 3) v = &layers[layer].norm_attention;
    else if (kind == 4) v = &layers[layer].norm_ffn;
    if (!own_ || !v) return false;
    std::memcpy(v->values, values, v->count * sizeof(float));
    return true;
  }

 private:
  explicit Weights(const ForgeShape& s) : layers(s.layers) {}

  // Put every part in its place from `base` on; the bytes that they take. It is the layout of packed
  // files too: whoever changes it gives packed.py another version.
  size_t lay(const ForgeShape& s, uint8_t* base) {
    size_t next = 0;
    const auto take = [&](size_t bytes) {
      uint8_t* place = base ? base + next : nullptr;
      next += (bytes + kLine - 1) / kLine * kLine;
      return place;
    };
    const auto matrix = [&](Matrix& m, int rows, int columns) {
      m.rows = rows;
      m.blocks = columns / kBlock;
      m.records = take(Matrix::bytes(rows, columns));
    };
    const auto vector = [&](Vector& v, size_t count) {
      v.count = count;
      v.values = reinterpret_cast<float*>(take(count * sizeof(float)));
    };
    const size_t angles = size_t(s.context) * s.head_dim / 2;
    vector(cos, angles);
    vector(sin, angles);
    for (Layer& layer : layers) {
      vector(layer.norm_attention, s.dim);
      matrix(layer.qkv, (s.heads + 2 * s.kv_heads) * s.head_dim, s.dim);
      matrix(layer.out, s.dim, s.heads * s.head_dim);
      vector(layer.norm_ffn, s.dim);
      matrix(layer.gate_up, 2 * s.ffn, s.dim);
      matrix(layer.down, s.dim, s.ffn);
    }
    vector(norm_final, s.dim);
    if (!s.tied) matrix(head, s.vocab, s.dim);
    matrix(embedding, s.vocab, s.dim);
    return next;
  }

  Memory memory_;
  uint8_t* base_ = nullptr;
  bool own_ = true;
};

// The cache of one sequence: keys (L, K, T, E, 16), values (L, K, T, 16, E) for T tiles of 16
// positions. The system gives its pages when they are first used.
class Sequence {
 public:
  explicit Sequence(const ForgeShape& s)
      : head_(size_t((s.context + kRows - 1) / kRows) * kRows * s.head_dim),
        kv_heads_(s.kv_heads) {
    const size_t half = head_ * s.layers * s.kv_heads * sizeof(uint16_t);
    memory_.reset(static_cast<uint8_t*>(std::calloc(2 * half + kLine, 1)));
    if (!memory_) throw std::bad_alloc();
    const size_t off = reinterpret_cast<uintptr_t>(memory_.get()) % kLine;
    uint8_t* first = memory_.get() + (off ? kLine - off : 0);
    keys_ = reinterpret_cast<uint16_t*>(first);
    values_ = reinterpret_cast<uint16_t*>(first + half);
  }

  uint16_t* keys(int layer, int head) const { return keys_ + place(layer, head); }
  uint16_t* values(int layer, int head) const { return values_ + place(layer, head); }

 private:
  size_t place(int layer, int head) const { return (size_t(layer) * kv_heads_ + head) * head_; }

  size_t head_;
  int kv_heads_;
  Memory memory_;
  uint16_t *keys_, *values_;
};

}  // namespace
