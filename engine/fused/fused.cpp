// The forward pass of a Forge model at int8 in one call: a prompt of one sequence, a token of one, or
// a token of each of several.
//
// Weights: signed codes in blocks of 64 columns with an fp16 scale a block; activations are
// quantised the same way, with fp32 scales, before every product (as llama.cpp's Q8_0). Products of a block are
// summed in int32, blocks in fp32, in their order. Norm (Zhang & Sennrich 2019), rotary positions
// (Su et al. 2021), softmax and SwiGLU (Shazeer 2020) are fp32; heads may be grouped (Ainslie et
// al. 2023).
//
// Every sum is over 16 lanes in one fixed order, products and sums are rounded apart
// (-ffp-contract=off), exp is ours: whatever instructions it is built for, and whatever other
// sequences go along, the same input gives the same bits. What differs from one instruction set to
// the next is `Dot` alone, chosen by the compiler's flags; see build.py.
//
// Layout of a matrix (rows N, columns K): for each 16 rows, for each block of 64 columns one record
// of 1024 bytes (16 quads of columns x 16 rows x 4 codes), then 16 scales a block. A lane is a row,
// so a product needs no sum across lanes, and a token's weights are one stream.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

#include "attention.h"
#include "model.h"
#include "team.h"

namespace {

constexpr int kChunk = 64;  // rows that go through a layer together

// What one thread needs for itself.
struct Desk {
  Activations quantised;
  std::vector<float> normed, scores;
  Desk(int most, int dim, int context)
      : quantised(1, most), normed(dim), scores(context) {}
};

// Rows of one sequence (`slot`) from `start` on, or where there are `positions` one of each of the
// first `count` sequences. Logits and hidden states of the last row, or of every one.
struct Task {
  const int64_t *tokens, *positions;
  int count, start, slot, every;
  float *logits, *hidden;
};

}  // namespace

class ForgeStep {
 public:
  ForgeStep(const ForgeShape& shape, int threads, const uint8_t* packed)
      : s_(shape),
        w_(shape, packed),
        q_dim_(s_.heads * s_.head_dim),
        qkv_dim_(q_dim_ + 2 * s_.kv_heads * s_.head_dim),
        x_(size_t(kChunk) * s_.dim),
        qkv_(size_t(kChunk) * qkv_dim_),
        seen_(size_t(kChunk) * q_dim_),
        gated_(size_t(kChunk) * s_.ffn),
        shared_(kChunk, most()),
        team_(threads) {
    reserve(1);
    const int positions = (s_.context + kRows - 1) / kRows * kRows;
    for (int i = 0; i < threads; i++) desks_.emplace_back(most(), s_.dim, positions);
    helpers_.reserve(threads - 1);
    try {
      for (int i = 1; i < threads; i++) helpers_.emplace_back([this, i] { help(i); });
    } catch (const std::system_error&) {
      team_.shrink(int(helpers_.size()) + 1);  // the system gives no more: go on with those
    }
  }

  ~ForgeStep() {
    stop_ = true;
    team_.meet(0);
    for (std::thread& helper : helpers_) helper.join();
  }

  // Room for `slots` sequences in all; or throws std::bad_alloc, and there are as many as before.
  void reserve(int slots) {
    const auto before = sequences_.size();
    try {
      while (int(sequences_.size()) < slots) sequences_.emplace_back(s_);
    } catch (const std::bad_alloc&) {
      sequences_.erase(sequences_.begin() + before, sequences_.end());
      throw;
    }
  }

  bool run(const Task& task) {
    if (task.count < 1) return false;
    if (task.positions) {
      if (task.count > int(sequences_.size())) return false;
      for (int i = 0; i < task.count; i++)
        if (task.positions[i] < 0 || task.positions[i] >= s_.context) return false;
    } else {
      if (task.slot < 0 || task.slot >= int(sequences_.size())) return false;
      if (task.start < 0 || task.count > s_.context - task.start) return false;
    }
    for (int i = 0; i < task.count; i++)
      if (task.tokens[i] < 0 || task.tokens[i] >= s_.vocab) return false;
    task_ = task;
    embed(0, {0, task.count < kChunk ? task.count : kChunk});
    team_.meet(0);
    work(0);
    team_.meet(0);
    return true;
  }

  Weights& weights() { return w_; }
  const Sequence* sequence(int slot) const {
    return slot >= 0 && slot < int(sequences_.size()) ? &sequences_[slot] : nullptr;
  }

 private:
  int most() const { return s_.dim > s_.ffn ? s_.dim : s_.ffn; }

  void help(int who) {
    for (;;) {
      team_.meet(who);
      if (stop_) return;
      work(who);
      team_.meet(who);
    }
  }

  // The rows of the task, by chunks; those of the first one stand embedded.
  void work(int who) {
    float *logits = task_.logits, *hidden = task_.hidden;
    for (int done = 0; done < task_.count; done += kChunk) {
      const int n = task_.count - done < kChunk ? task_.count - done : kChunk;
      if (done) {
        embed(done, team_.share(n, who));
        team_.meet(who);
      }
      for (int l = 0; l < s_.layers; l++) layer(l, n, done, who);
      if (task_.every) {
        head(0, n, logits, hidden, who);
        logits += size_t(n) * s_.vocab;
        hidden += size_t(n) * s_.dim;
      } else if (done + n == task_.count) {
        head(n - 1, 1, logits, hidden, who);
      }
    }
  }

  // Of the chunk that begins with row `done`, the rows in `range`.
  void embed(int done, Range range) {
    for (int t = range.first; t < range.last; t++)
      w_.embedding.row(int(task_.tokens[done + t]), &x_[size_t(t) * s_.dim]);
  }

  void layer(int l, int n, int done, int who) {
    const Layer& layer = w_.layers[l];
    const int dim = s_.dim, ffn = s_.ffn;
    const auto add = [&](int t, int g, const Lanes& y) {
      float* x = &x_[size_t(t) * dim + g * kRows];
      Lanes sum = Lanes::from(x);
      for (int s = 0; s < kParts; s++) sum.part[s] += y.part[s];
      sum.to(x);
    };
    const Activations& a = prepare(x_.data(), dim, layer.norm_attention.values, n, who);
    const Range heads = team_.share(s_.kv_heads, who);
    project(layer.qkv, a, n, heads, who);
    for (int h = heads.first; h < heads.last; h++)
      if (task_.positions)
        for (int t = 0; t < n; t++)
          attend(l, h, {t, t + 1}, done + t, int(task_.positions[done + t]), who);
      else
        attend(l, h, {0, n}, task_.slot, task_.start + done, who);
    team_.meet(who);
    const Activations& seen = prepare(seen_.data(), q_dim_, nullptr, n, who);
    product(layer.out, team_.share(layer.out.groups(), who), seen, n, add);
    team_.meet(who);
    const Activations& b = prepare(x_.data(), dim, layer.norm_ffn.values, n, who);
    gate_up(layer.gate_up, b, n, who);
    team_.meet(who);
    const Activations& gated = prepare(gated_.data(), ffn, nullptr, n, who);
    product(layer.down, team_.share(layer.down.groups(), who), gated, n, add);
    team_.meet(who);
  }

  // Queries, keys and values of `heads`. Where the heads are shared evenly each thread computes those
  // that it attends with, and need not wait for another's.
  void project(const Matrix& m, const Activations& a, int n, Range heads, int who) {
    const auto put = [&](int t, int g, const Lanes& y) {
      y.to(&qkv_[size_t(t) * qkv_dim_ + g * kRows]);
    };
    if (!team_.even(s_.kv_heads)) {
      product(m, team_.share(m.groups(), who), a, n, put);
      team_.meet(who);
      return;
    }
    const int tiles = s_.head_dim / kRows, group = s_.heads / s_.kv_heads * tiles;
    const int keys = q_dim_ / kRows, values = keys + s_.kv_heads * tiles;
    product(m, {heads.first * group, heads.last * group}, a, n, put);
    product(m, {keys + heads.first * tiles, keys + heads.last * tiles}, a, n, put);
    product(m, {values + heads.first * tiles, values + heads.last * tiles}, a, n, put);
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

  // Rows of `from`, normalised if there is a gamma, quantised; the normalised ones into `hidden` if
  // that is given. One token is done by every thread for itself, which takes less than a meeting.
  const Activations& prepare(const float* from, int columns, const float* gamma, int n, int who,
                             float* hidden = nullptr) {
    Activations& a = n == 1 ? desks_[who].quantised : shared_;
    const Range own = n == 1 ? Range{0, 1} : team_.share(n, who);
    for (int t = own.first; t < own.last; t++) {
      const float* row = from + size_t(t) * columns;
      if (gamma) row = normalise(row, gamma, desks_[who].normed.data());
      if (hidden && (n > 1 || who == 0))
        std::memcpy(hidden + size_t(t) * columns, row, columns * sizeof(float));
      a.quantise(t, row, columns);
    }
    if (n > 1) team_.meet(who);
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

  // Key-value head h of sequence `slot`: the new positions from `start` on into its cache, then its
  // query heads. They are the chunk's rows in `rows`.
  void attend(int l, int h, Range rows, int slot, int start, int who) {
    const int width = s_.head_dim, group = s_.heads / s_.kv_heads;
    uint16_t* keys = sequences_[slot].keys(l, h);
    uint16_t* values = sequences_[slot].values(l, h);
    float* scores = desks_[who].scores.data();
    const auto turn = [&](float* x, int position, float scale) {
      const size_t angle = size_t(position) * (width / 2);
      rotate(x, w_.cos.values + angle, w_.sin.values + angle, width, scale);
    };
    for (int t = rows.first, position = start; t < rows.last; t++, position++) {
      float* key = &qkv_[size_t(t) * qkv_dim_] + q_dim_ + h * width;
      turn(key, position, 1.0f);
      keep_key(key, position, width, keys);
      keep_value(key + s_.kv_heads * width, position, width, values);
    }
    const float scale = 1.0f / std::sqrt(float(width));
    for (int t = rows.first, position = start; t < rows.last; t++, position++)
      for (int i = h * group; i < (h + 1) * group; i++) {
        float* query = &qkv_[size_t(t) * qkv_dim_ + i * width];
        turn(query, position, scale);
        const float total = softmax(query, keys, position, width, scores);
        gather(scores, values, position, total, width, &seen_[size_t(t) * q_dim_ + i * width]);
      }
  }

  // Logits and hidden states of `n` rows from `first` on.
  void head(int first, int n, float* logits, float* hidden, int who) {
    const float* rows = &x_[size_t(first) * s_.dim];
    const Activations& a = prepare(rows, s_.dim, w_.norm_final.values, n, who, hidden);
    const Matrix& m = s_.tied ? w_.embedding : w_.head;
    product(m, team_.share(m.groups(), who), a, n, [&](int t, int g, const Lanes& y) {
      y.to(logits + size_t(t) * s_.vocab + g * kRows);
    });
  }

  const ForgeShape s_;
  Weights w_;
  const int q_dim_, qkv_dim_;
  std::vector<Sequence> sequences_;
  std::vector<float> x_, qkv_, seen_, gated_;
  Activations shared_;
  std::vector<Desk> desks_;
  Team team_;
  std::vector<std::thread> helpers_;
  Task task_{};
  bool stop_ = false;
};

namespace {

bool possible(const ForgeShape& s) {
  return s.layers >= 1 && s.heads >= 1 && s.kv_heads >= 1 && s.context >= 1 && s.dim >= kBlock &&
         s.ffn >= kBlock && s.vocab >= kRows && s.dim % kBlock == 0 && s.ffn % kBlock == 0 &&
         s.vocab % kRows == 0 && s.head_dim >= kRows && s.head_dim % kRows == 0 &&
         s.heads % s.kv_heads == 0 && s.heads * s.head_dim == s.dim;
}

}  // namespace

extern "C" {

// What the packed weights of a model take, and what else than 64 says of their codes (`Dot`).
size_t forge_packed_bytes(const ForgeShape* s) { return possible(*s) ? Weights::bytes(*s) : 0; }
int forge_packed_offset() { return Dot::kOffset; }

// `packed`: what `forge_packed` gave for this shape, at a multiple of 64, as long as the step lives;
// or null, and the weights are given part by part.
ForgeStep* forge_new(const ForgeShape* s, int threads, const uint8_t* packed) {
  if (threads < 1 || !possible(*s)) return nullptr;
  try {
    return new ForgeStep(*s, threads, packed);
  } catch (const std::exception&) {
    return nullptr;
  }
}

void forge_free(ForgeStep* step) { delete step; }

const uint8_t* forge_packed(ForgeStep* step) { return step->weights().base(); }

int forge_matrix(ForgeStep* step, int kind, int layer, const uint8_t* codes,
                 const float* scales) {
  return step->weights().matrix(kind, layer, codes, scales);
}

int forge_vector(ForgeStep* step, int kind, int layer, const float* values) {
  return step->weights().vector(kind, layer, values);
}

int forge_reserve(ForgeStep* step, int slots) {
  try {
    step->reserve(slots);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

int forge_run(ForgeStep* step, const int64_t* tokens, int count, int start, int slot, int every,
              float* logits, float* hidden) {
  return step->run({tokens, nullptr, count, start, slot, every, logits, hidden});
}

int forge_step_many(ForgeStep* step, const int64_t* tokens, const int64_t* positions, int count,
                    float* logits, float* hidden) {
  return step->run({tokens, positions, count, 0, 0, 1, logits, hidden});
}

uint16_t* forge_keys(ForgeStep* step, int slot) {
  const Sequence* sequence = step->sequence(slot);
  return sequence ? sequence->keys(0, 0) : nullptr;
}

uint16_t* forge_values(ForgeStep* step, int slot) {
  const Sequence* sequence = step->sequence(slot);
  return sequence ? sequence->values(0, 0) : nullptr;
}

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
