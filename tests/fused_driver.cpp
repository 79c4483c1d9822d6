// Runs one model through fused.cpp without Python: for sanitisers, and for processors under qemu.
// From the file argv[1], as tests/fused_native.py writes it; every logit and hidden state goes to
// the file argv[2].

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

struct ForgeShape {
  int32_t dim, layers, heads, kv_heads, head_dim, ffn, vocab, context, tied;
  float eps;
};
struct ForgeStep;

extern "C" {
ForgeStep* forge_new(const ForgeShape*, int, const uint8_t*);
void forge_free(ForgeStep*);
const uint8_t* forge_packed(ForgeStep*);
int forge_matrix(ForgeStep*, int, int, const uint8_t*, const float*);
int forge_vector(ForgeStep*, int, int, const float*);
int forge_reserve(ForgeStep*, int);
int forge_run(ForgeStep*, const int64_t*, int, int, int, int, float*, float*);
int forge_step_many(ForgeStep*, const int64_t*, const int64_t*, int, float*, float*);
}

enum { kMatrix, kVector, kRun, kSeveral, kEnd };
constexpr int kSequences = 3;

template <class T>
std::vector<T> take(std::FILE* from, size_t count) {
  std::vector<T> values(count);
  if (std::fread(values.data(), sizeof(T), count, from) != count) std::exit(2);
  return values;
}

int main(int, char** argv) {
  std::FILE* in = std::fopen(argv[1], "rb");
  std::FILE* out = std::fopen(argv[2], "wb");
  if (!in || !out) return 2;
  const ForgeShape shape = take<ForgeShape>(in, 1)[0];
  const int threads = take<int32_t>(in, 1)[0];
  ForgeStep* packing = forge_new(&shape, threads, nullptr);
  if (!packing) return 3;
  // What runs has no weights of its own: it reads those that were packed, as from a mapped file.
  ForgeStep* step = forge_new(&shape, threads, forge_packed(packing));
  if (!step || !forge_reserve(step, kSequences)) return 3;
  for (;;) {
    // Five numbers. A matrix or vector: kind, layer, two sizes. A run: start, sequence, count, every.
    // Several: count.
    const std::vector<int32_t> part = take<int32_t>(in, 5);
    if (part[0] == kEnd) break;
    if (part[0] == kMatrix) {
      const std::vector<uint8_t> codes = take<uint8_t>(in, part[3]);
      const std::vector<float> scales = take<float>(in, part[4]);
      if (!forge_matrix(packing, part[1], part[2], codes.data(), scales.data())) return 4;
      if (forge_matrix(step, part[1], part[2], codes.data(), scales.data())) return 6;
    } else if (part[0] == kVector) {
      const std::vector<float> values = take<float>(in, part[3]);
      if (!forge_vector(packing, part[1], part[2], values.data())) return 4;
    } else {
      const int count = part[0] == kSeveral ? part[1] : part[3];
      const int rows = part[0] == kSeveral || part[4] ? count : 1;
      const std::vector<int64_t> tokens = take<int64_t>(in, count);
      std::vector<float> logits(size_t(shape.vocab) * rows), hidden(size_t(shape.dim) * rows);
      int done;
      if (part[0] == kSeveral) {
        const std::vector<int64_t> positions = take<int64_t>(in, count);
        done = forge_step_many(step, tokens.data(), positions.data(), count, logits.data(),
                               hidden.data());
      } else {
        done = forge_run(step, tokens.data(), count, part[1], part[2], part[4], logits.data(),
                         hidden.data());
      }
      if (!done) return 5;
      std::fwrite(logits.data(), sizeof(float), logits.size(), out);
      std::fwrite(hidden.data(), sizeof(float), hidden.size(), out);
    }
  }
  forge_free(step);
  forge_free(packing);
  return std::fclose(out) || std::fclose(in);
}
