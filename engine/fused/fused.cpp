// The forward pass of a Forge model at int8 in one call, for one sequence.
//
// Weights: signed codes in blocks of 64 columns with an fp32 scale a block; activations are
// quantised the same way before every product (llama.cpp's Q8_0 x Q8_0). Products of a block are
// summed in int32, blocks in fp32, in their order. Norm (Zhang & Sennrich 2019), rotary positions
// (Su et al. 2021), softmax and SwiGLU (Shazeer 2020) are fp32; heads may be grouped (Ainslie et
// al. 2023).
//
// Every sum is over 16 lanes in one fixed order, products and sums are rounded apart
// (-ffp-contract=off), exp is ours: whatever instructions it is built for, the same input gives the
// same bits. What differs from one instruction set to the next is `Dot` alone, chosen by the
// compiler's flags; see build.py.
//
// Layout of a matrix (rows N, columns K): for each 16 rows, for each block of 64 columns one record
// of 1088 bytes: 16 quads of columns x 16 rows x 4 codes, then the 16 scales. A lane is a row, so a
// product needs no sum across lanes, and a token's weights are one stream.
// Keys lie in tiles of 16 positions (E, 16), for the same reason; values as (positions, E).

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "product.h"
#include "team.h"

struct ForgeShape {
  int32_t dim, layers, heads, kv_heads, head_dim, ffn, vocab, context, tied;
  float eps;
};

namespace {

constexpr size_t kLine = 64;  // of the processor's cache
constexpr int kChunk = 64;  // positions of a prompt that go through a layer together

struct Layer {
  Matrix qkv, out, gate_up, down;
  std::vector<float> norm_attention, norm_ffn;
};

// What one thread needs for itself.
struct Desk {
  Activations quantised;
  std::vector<float> normed, scores;
  Desk(int most, int dim, int context)
      : quantised(1, most), normed(dim), scores(context) {}
};

struct Release {
  void operator()(void* memory) const { std::free(memory); }
};

struct Task {
  const int64_t* tokens;
  int count, start, every;
  float* logits;
};

}  // namespace

class ForgeStep {
 public:
  ForgeStep(const ForgeShape& shape, int threads)
      : s_(shape),
        tiles_((s_.context + kRows - 1) / kRows),
        q_dim_(s_.heads * s_.head_dim),
        qkv_dim_(q_dim_ + 2 * s_.kv_heads * s_.head_dim),
        layers_(s_.layers),
        norm_final_(s_.dim),
        cos_(size_t(s_.context) * s_.head_dim / 2),
        sin_(cos_.size()),
        x_(size_t(kChunk) * s_.dim),
        qkv_(size_t(kChunk) * qkv_dim_),
        seen_(size_t(kChunk) * q_dim_),
        gated_(size_t(kChunk) * s_.ffn),
        shared_(kChunk, most()),
        team_(threads) {
    allocate();
    for (int i = 0; i < threads; i++) desks_.emplace_back(most(), s_.dim, tiles_ * kRows);
    helpers_.reserve(threads - 1);
    try {
      for (int i = 1; i < threads; i++) helpers_.emplace_back([this, i] { help(i); });
    } catch (const std::system_error&) {
      team_.shrink(int(helpers_.size()) + 1);  // the system gives no more: go on with those
    }
  }

  ~ForgeStep() {
    stop_ = true;
    team_.meet();
    for (std::thread& helper : helpers_) helper.join();
  }

  bool matrix(int kind, int layer, const uint8_t* codes, const float* scales) {
    Matrix* m = nullptr;
    if (kind == 0) m = &embedding_;
    else if (kind == 1) m = &head_;
    else if (layer < 0 || layer >= s_.layers) return false;
    else if (kind == 2) m = &layers_[layer].qkv;
    else if (kind == 3) m = &layers_[layer].out;
    else if (kind == 4) m = &layers_[layer].gate_up;
    else if (kind == 5) m = &layers_[layer].down;
    if (!m || !m->records) return false;
    m->pack(codes, scales);
    return true;
  }

  bool vector(int kind, int layer, const float* values) {
    std::vector<float>* v = nullptr;
    if (kind == 0) v = &norm_final_;
    else if (kind == 1) v = &cos_;
    else if (kind == 2) v = &sin_;
    else if (layer < 0 || layer >= s_.layers) return false;
    else if (kind == 3) v = &layers_[layer].norm_attention;
    else if (kind == 4) v = &layers_[layer].norm_ffn;
    if (!v) return false;
    std::memcpy(v->data(), values, v->size() * sizeof(float));
    return true;
  }

  bool run(const Task& task) {
    if (task.count < 1 || task.start < 0 || task.count > s_.context - task.start) return false;
    for (int i = 0; i < task.count; i++)
      if (task.tokens[i] < 0 || task.tokens[i] >= s_.vocab) return false;
    task_ = task;
    team_.meet();
    work(0);
    team_.meet();
    return true;
  }

  uint16_t* keys() const { return keys_; }
  uint16_t* values() const { return values_; }

 private:
  int most() const { return s_.dim > s_.ffn ? s_.dim : s_.ffn; }
  size_t cache() const { return size_t(s_.layers) * s_.kv_heads * tiles_ * kRows * s_.head_dim; }

  // All weights and the cache in one piece. Large pages are not asked for: see docs/fused.md.
  void allocate() {
    std::vector<Matrix*> all;
    const auto shape = [&](Matrix& m, int rows, int columns) {
      m.rows = rows;
      m.blocks = columns / kBlock;
      all.push_back(&m);
    };
    shape(embedding_, s_.vocab, s_.dim);
    if (!s_.tied) shape(head_, s_.vocab, s_.dim);
    for (Layer& layer : layers_) {
      shape(layer.qkv, qkv_dim_, s_.dim);
      shape(layer.out, s_.dim, q_dim_);
      shape(layer.gate_up, 2 * s_.ffn, s_.dim);
      shape(layer.down, s_.dim, s_.ffn);
      layer.norm_attention.resize(s_.dim);
      layer.norm_ffn.resize(s_.dim);
    }
    size_t total = 2 * cache() * sizeof(uint16_t);
    for (const Matrix* m : all) total += Matrix::bytes(m->rows, m->blocks * kBlock);
    total = (total + kLine - 1) / kLine * kLine;
    arena_.reset(static_cast<uint8_t*>(std::aligned_alloc(kLine, total)));
    if (!arena_) throw std::bad_alloc();
    uint8_t* next = arena_.get();
    for (Matrix* m : all) {
      m->records = next;
      next += Matrix::bytes(m->rows, m->blocks * kBlock);
    }
    keys_ = reinterpret_cast<uint16_t*>(next);
    values_ = keys_ + cache();
    std::memset(keys_, 0, 2 * cache() * sizeof(uint16_t));
  }

  void help(int who) {
    for (;;) {
      team_.meet();
      if (stop_) return;
      work(who);
      team_.meet();
    }
  }

  void work(int who) {
    float* logits = task_.logits;
    for (int done = 0; done < task_.count; done += kChunk) {
      const int n = task_.count - done < kChunk ? task_.count - done : kChunk;
      const Range own = team_.share(n, who);
      for (int t = own.first; t < own.last; t++)
        embedding_.row(int(task_.tokens[done + t]), &x_[size_t(t) * s_.dim]);
      team_.meet();
      for (int l = 0; l < s_.layers; l++) layer(l, n, task_.start + done, who);
      const bool last = done + n == task_.count;
      if (task_.every) {
        head(0, n, logits, who);
        logits += size_t(n) * s_.vocab;
      } else if (last) {
        head(n - 1, 1, logits, who);
      }
    }
  }

  void layer(int l, int n, int start, int who) {
    const Layer& layer = layers_[l];
    const int dim = s_.dim, ffn = s_.ffn;
    const auto add = [&](int t, int g, const Lanes& y) {
      float* x = &x_[size_t(t) * dim + g * kRows];
      Lanes sum = Lanes::from(x);
      for (int s = 0; s < kParts; s++) sum.part[s] += y.part[s];
      sum.to(x);
    };
    const Activations& a = prepare(x_.data(), dim, layer.norm_attention.data(), n, who);
    product(layer.qkv, team_.share(layer.qkv.groups(), who), a, n,
            [&](int t, int g, const Lanes& y) { y.to(&qkv_[size_t(t) * qkv_dim_ + g * kRows]); });
    team_.meet();
    const Range heads = team_.share(s_.kv_heads, who);
    for (int h = heads.first; h < heads.last; h++) attend(l, h, n, start, desks_[who].scores.data());
    team_.meet();
    const Activations& seen = prepare(seen_.data(), q_dim_, nullptr, n, who);
    product(layer.out, team_.share(layer.out.groups(), who), seen, n, add);
    team_.meet();
    const Activations& b = prepare(x_.data(), dim, layer.norm_ffn.data(), n, who);
    gate_up(layer.gate_up, b, n, who);
    team_.meet();
    const Activations& gated = prepare(gated_.data(), ffn, nullptr, n, who);
    product(layer.down, team_.share(layer.down.groups(), who), gated, n, add);
    team_.meet();
  }

  // silu(gate) * up; a thread computes the rows of both that belong together.
  void gate_up(const Matrix& m, const Activations& a, int n, int who) {
    const Range range = team_.share(s_.ffn / kRows, who);
    const int up = s_.ffn / kRows;
    const auto place = [&](int t, int g) { return &gated_[size_t(t) * s_.ffn + g * kRows]; };
    product(m, range, a, n, [&](int t, int g, const Lanes& y) { y.to(place(t, g)); });
    product(m, {range.first + up, range.last + up}, a, n, [&](int t, int g, const Lanes& y) {
      float* out = place(t, g - up);
      Lanes gate = Lanes::from(out);
      for (int s = 0; s < kParts; s++) {
        const Floats silu = gate.part[s] / (1.0f + exponential(-gate.part[s]));
        gate.part[s] = silu * y.part[s];
      }
      gate.to(out);
    });
  }

  // Rows of `from`, normalised if there is a gamma, quantised. One token is done by every thread
  // for itself, which takes less than a meeting.
  const Activations& prepare(const float* from, int columns, const float* gamma, int n, int who) {
    Activations& a = n == 1 ? desks_[who].quantised : shared_;
    const Range own = n == 1 ? Range{0, 1} : team_.share(n, who);
    if (n == 1 || who == 0) a.columns = columns;
    if (n > 1) team_.meet();
    for (int t = own.first; t < own.last; t++) {
      const float* row = from + size_t(t) * columns;
      if (gamma) row = normalise(row, gamma, desks_[who].normed.data());
      a.quantise(t, row);
    }
    if (n > 1) team_.meet();
    return a;
  }

  const float* normalise(const float* x, const float* gamma, float* out) const {
    Lanes squares;
    for (int i = 0; i < s_.dim; i += kWidth) {
      const Floats value = load<Floats>(x + i);
      squares.part[i / kWidth % kParts] += value * value;
    }
    const float rate = 1.0f / std::sqrt(squares.sum() / float(s_.dim) + s_.eps);
    for (int i = 0; i < s_.dim; i += kWidth)
      store(out + i, load<Floats>(x + i) * rate * load<Floats>(gamma + i));
    return out;
  }

  // Key-value head h: its n new positions into the cache, then its query heads.
  void attend(int l, int h, int n, int start, float* scores) {
    const int width = s_.head_dim, group = s_.heads / s_.kv_heads;
    const size_t place = (size_t(l) * s_.kv_heads + h) * tiles_ * kRows * width;
    uint16_t* keys = keys_ + place;
    uint16_t* values = values_ + place;
    for (int t = 0; t < n; t++) {
      const int position = start + t;
      float* row = &qkv_[size_t(t) * qkv_dim_];
      float* key = row + q_dim_ + h * width;
      rotate(key, position, 1.0f);
      uint16_t half[kRows];
      uint16_t* tile = keys + size_t(position / kRows) * kRows * width + position % kRows;
      for (int e = 0; e < width; e += kRows) {
        keep(key + e, kRows, half);
        for (int i = 0; i < kRows; i++) tile[(e + i) * kRows] = half[i];
      }
      keep(key + s_.kv_heads * width, width, values + size_t(position) * width);
    }
    const float scale = 1.0f / std::sqrt(float(width));
    for (int t = 0; t < n; t++)
      for (int i = h * group; i < (h + 1) * group; i++) {
        float* query = &qkv_[size_t(t) * qkv_dim_ + i * width];
        rotate(query, start + t, scale);
        const float total = softmax(query, keys, start + t, scores);
        gather(scores, values, start + t, total, &seen_[size_t(t) * q_dim_ + i * width]);
      }
  }

  void rotate(float* x, int position, float scale) const {
    const int half = s_.head_dim / 2;
    const float* cos = &cos_[size_t(position) * half];
    const float* sin = &sin_[size_t(position) * half];
    for (int i = 0; i < half; i++) {
      const float a = x[i], b = x[i + half];
      x[i] = (a * cos[i] - b * sin[i]) * scale;
      x[i + half] = (b * cos[i] + a * sin[i]) * scale;
    }
  }

  // e^(score - largest) of positions 0 to `last`, zeros to the end of the tile; their sum.
  float softmax(const float* query, const uint16_t* keys, int last, float* scores) const {
    const int tiles = last / kRows + 1, width = s_.head_dim;
    Lanes most;
    for (int tile = 0; tile < tiles; tile++) {
      const uint16_t* key = keys + size_t(tile) * kRows * width;
      Lanes sums[4];
      for (int e = 0; e < width; e += 4)
        for (int i = 0; i < 4; i++)
          for (int s = 0; s < kParts; s++)
            sums[i].part[s] += widen(key + (e + i) * kRows + s * kWidth) * query[e + i];
      for (int s = 0; s < kParts; s++)
        sums[0].part[s] =
            (sums[0].part[s] + sums[1].part[s]) + (sums[2].part[s] + sums[3].part[s]);
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

  // The values, weighted: even positions and odd ones apart, then together.
  void gather(const float* scores, const uint16_t* values, int last, float total,
              float* out) const {
    const int width = s_.head_dim;
    const float rate = 1.0f / total;
    constexpr int most = kWidth == 16 ? 4 : 2;  // what the registers hold
    int e = 0;
    for (; e + most * kRows <= width; e += most * kRows)
      columns<most>(scores, values + e, last, rate, out + e);
    for (; e < width; e += kRows) columns<1>(scores, values + e, last, rate, out + e);
  }

  // 16 N columns of it; several together read whole lines of the cache.
  template <int N>
  void columns(const float* scores, const uint16_t* values, int last, float rate,
               float* out) const {
    const int width = s_.head_dim;
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

  // Logits of `n` rows from `first` on.
  void head(int first, int n, float* logits, int who) {
    const Activations& a =
        prepare(&x_[size_t(first) * s_.dim], s_.dim, norm_final_.data(), n, who);
    const Matrix& m = s_.tied ? embedding_ : head_;
    product(m, team_.share(m.groups(), who), a, n, [&](int t, int g, const Lanes& y) {
      y.to(logits + size_t(t) * s_.vocab + g * kRows);
    });
    team_.meet();
  }

  const ForgeShape s_;
  const int tiles_, q_dim_, qkv_dim_;
  std::vector<Layer> layers_;
  Matrix embedding_, head_;
  std::vector<float> norm_final_, cos_, sin_, x_, qkv_, seen_, gated_;
  Activations shared_;
  std::unique_ptr<uint8_t, Release> arena_;
  uint16_t *keys_ = nullptr, *values_ = nullptr;
  std::vector<Desk> desks_;
  Team team_;
  std::vector<std::thread> helpers_;
  Task task_{};
  bool stop_ = false;
};

extern "C" {

ForgeStep* forge_new(const ForgeShape* s, int threads) {
  if (threads < 1 || s->layers < 1 || s->heads < 1 || s->kv_heads < 1 || s->context < 1 ||
      s->dim < kBlock || s->ffn < kBlock || s->vocab < kRows || s->dim % kBlock ||
      s->ffn % kBlock || s->vocab % kRows || s->head_dim < kRows || s->head_dim % kRows ||
      s->heads % s->kv_heads || s->heads * s->head_dim != s->dim)
    return nullptr;
  try {
    return new ForgeStep(*s, threads);
  } catch (const std::exception&) {
    return nullptr;
  }
}

void forge_free(ForgeStep* step) { delete step; }

int forge_matrix(ForgeStep* step, int kind, int layer, const uint8_t* codes,
                 const float* scales) {
  return step->matrix(kind, layer, codes, scales);
}

int forge_vector(ForgeStep* step, int kind, int layer, const float* values) {
  return step->vector(kind, layer, values);
}

int forge_run(ForgeStep* step, const int64_t* tokens, int count, int start, int every,
              float* logits) {
  return step->run({tokens, count, start, every, logits});
}

uint16_t* forge_keys(ForgeStep* step) { return step->keys(); }
uint16_t* forge_values(ForgeStep* step) { return step->values(); }

// 16 rows of `columns` codes times one of activations: the int32 sum of each block, (K / 64, 16).
void forge_block_sums(const uint8_t* codes, const int8_t* activations, int columns,
                      int32_t* sums) {
  const int blocks = columns / kBlock;
  std::vector<uint8_t> records(Matrix::bytes(kRows, columns));
  const std::vector<float> scales(size_t(kRows) * blocks, 1.0f);
  Matrix m;
  m.records = records.data();
  m.rows = kRows;
  m.blocks = blocks;
  m.pack(codes, scales.data());
  for (int b = 0; b < blocks; b++) {
    int32_t total = 0;
    for (int i = 0; i < kBlock; i++) total += activations[b * kBlock + i];
    for (int s = 0; s < kParts; s++) {
      Dot dot(-Dot::kOffset * total);
      for (int i = 0; i < kBlock; i += 8)
        dot.add(m.group(0) + size_t(b) * kRecord + i * kRows + s * kWidth * 4,
                activations + b * kBlock + i);
      store(sums + b * kRows + s * kWidth, dot.finish());
    }
  }
}

}  // extern "C"
