// Runs one model through fused.cpp without Python: for sanitisers, and for processors under qemu.
// From the file argv[1], as tests/fused_native.py writes it; every logit goes to the file argv[2].

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
ForgeStep* forge_new(const ForgeShape*, int);
void forge_free(ForgeStep*);
int forge_matrix(ForgeStep*, int, int, const uint8_t*, const float*);
int forge_vector(ForgeStep*, int, int, const float*);
int forge_run(ForgeStep*, const int64_t*, int, int, int, float*);
}

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
  ForgeStep* step = forge_new(&shape, threads);
  if (!step) return 3;
  for (;;) {
    // A part: 0 matrix, 1 vector, 2 tokens, 3 end; kind or start; layer or every; two sizes.
    const std::vector<int32_t> part = take<int32_t>(in, 5);
    if (part[0] == 3) break;
    if (part[0] == 0) {
      const std::vector<uint8_t> codes = take<uint8_t>(in, part[3]);
      const std::vector<float> scales = take<float>(in, part[4]);
      if (!forge_matrix(step, part[1], part[2], codes.data(), scales.data())) return 4;
    } else if (part[0] == 1) {
      const std::vector<float> values = take<float>(in, part[3]);
      if (!forge_vector(step, part[1], part[2], values.data())) return 4;
    } else {
      const std::vector<int64_t> tokens = take<int64_t>(in, part[3]);
      std::vector<float> logits(size_t(shape.vocab) * (part[2] ? part[3] : 1));
      if (!forge_run(step, tokens.data(), part[3], part[1], part[2], logits.data())) return 5;
      std::fwrite(logits.data(), sizeof(float), logits.size(), out);
    }
  }
  forge_free(step);
  return std::fclose(out) || std::fclose(in);
}
