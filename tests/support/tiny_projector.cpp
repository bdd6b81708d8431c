#include "tiny_projector.hpp"

#include <gguf.h>

#include <algorithm>
#include <random>

#include <fmt/format.h>

namespace plimsoll::test {
namespace {

constexpr std::uint32_t kWidth = 16;
constexpr std::uint32_t kProjectorHeads = 2;
constexpr std::uint32_t kInner = 24;
constexpr std::uint32_t kProjectorLayers = 2;
constexpr std::uint32_t kImage = 32;
constexpr std::uint32_t kMelBins = 80;

class Writer {
 public:
  Writer(TinyGguf& file, std::uint32_t seed) : file_(file), random_(seed) {}

  void weight(const std::string& name, const std::vector<std::uint64_t>& shape) {
    std::uint64_t count = 1;
    for (const std::uint64_t n : shape) count *= n;
    std::vector<float> values(count);
    std::normal_distribution<float> weight(0, 0.3F);
    std::ranges::generate(values, [&] { return weight(random_); });
    file_.tensor(name, shape, values);
  }
  void norm(const std::string& name, std::uint64_t width) {
    file_.tensor(name + ".weight", {width}, {1}).tensor(name + ".bias", {width}, {0.01F});
  }
  void linear(const std::string& name, std::uint64_t columns, std::uint64_t rows) {
    weight(name + ".weight", {columns, rows});
    file_.tensor(name + ".bias", {rows}, {0.01F, -0.02F});
  }

  void layers(const std::string& prefix) {
    for (std::uint32_t layer = 0; layer < kProjectorLayers; ++layer) {
      const std::string block = fmt::format("{}.blk.{}.", prefix, layer);
      for (const char* name : {"attn_q", "attn_v", "attn_out"}) linear(block + name, kWidth, kWidth);
      weight(block + "attn_k.weight", {kWidth, kWidth});  // whisper's has no bias
      if (prefix == "v") weight(block + "attn_k.bias", {kWidth});
      norm(block + "ln1", kWidth);
      norm(block + "ln2", kWidth);
      linear(block + "ffn_up", kWidth, kInner);
      linear(block + "ffn_down", kInner, kWidth);
    }
  }

 private:
  TinyGguf& file_;
  std::mt19937 random_;
};

void yes(TinyGguf& file, const char* key) { file.raw(key, GGUF_TYPE_BOOL, std::string_view("\1", 1)); }

void keys(TinyGguf& file, const char* kind, const char* sense, std::uint32_t width) {
  const std::string prefix = fmt::format("clip.{}.", sense);
  file.text("general.architecture", "clip").text("general.name", "tiny projector");
  file.text("clip.projector_type", kind).number(prefix + "projection_dim", width);
  file.number(prefix + "embedding_length", kWidth).number(prefix + "feed_forward_length", kInner);
  file.number(prefix + "block_count", kProjectorLayers).number(prefix + "attention.head_count", kProjectorHeads);
  file.real(prefix + "attention.layer_norm_epsilon", 1e-5F);
  yes(file, fmt::format("clip.has_{}_encoder", sense).c_str());
  yes(file, "clip.use_gelu");
}

TinyGguf seeing(const char* kind, std::uint32_t width, std::uint32_t patch) {
  TinyGguf file;
  keys(file, kind, "vision", width);
  file.number("clip.vision.image_size", kImage).number("clip.vision.patch_size", patch);
  file.reals("clip.vision.image_mean", {0.5F, 0.5F, 0.5F}).reals("clip.vision.image_std", {0.5F, 0.5F, 0.5F});
  return file;
}

}  // namespace

TinyGguf tiny_projector(ProjectorKind kind, std::uint32_t width, std::uint32_t seed) {
  switch (kind) {
    case ProjectorKind::fixed: {
      TinyGguf file = seeing("mlp", width, 8);
      Writer add(file, seed);
      add.weight("v.patch_embd.weight", {8, 8, 3, kWidth});
      add.weight("v.class_embd", {kWidth});
      add.weight("v.position_embd.weight", {kWidth, 17});
      add.norm("v.pre_ln", kWidth);
      add.layers("v");
      add.linear("mm.0", kWidth, width);
      add.linear("mm.2", width, width);
      return file;
    }
    case ProjectorKind::at_once: {
      TinyGguf file = seeing("gemma3", width, 4);
      file.number("clip.vision.projector.scale_factor", 2);
      Writer add(file, seed);
      add.weight("v.patch_embd.weight", {4, 4, 3, kWidth});
      file.tensor("v.patch_embd.bias", {kWidth}, {0.01F});
      add.weight("v.position_embd.weight", {kWidth, 64});
      add.layers("v");
      add.norm("v.post_ln", kWidth);
      add.weight("mm.input_projection.weight", {width, kWidth});
      file.tensor("mm.soft_emb_norm.weight", {kWidth}, {1});
      return file;
    }
    case ProjectorKind::any_size: {
      TinyGguf file = seeing("qwen2vl_merger", width, 4);
      Writer add(file, seed);
      add.weight("v.patch_embd.weight", {4, 4, 3, kWidth});
      add.weight("v.patch_embd.weight.1", {4, 4, 3, kWidth});
      add.layers("v");
      add.norm("v.post_ln", kWidth);
      add.linear("mm.0", std::uint64_t{4} * kWidth, std::uint64_t{4} * kWidth);
      add.linear("mm.2", std::uint64_t{4} * kWidth, width);
      return file;
    }
    case ProjectorKind::hears: {
      constexpr std::uint32_t kStack = 4;
      TinyGguf file;
      keys(file, "ultravox", "audio", width);
      file.number("clip.audio.num_mel_bins", kMelBins).number("clip.audio.projector.stack_factor", kStack);
      Writer add(file, seed);
      add.weight("a.conv1d.1.weight", {3, kMelBins, kWidth});
      file.tensor("a.conv1d.1.bias", {1, kWidth}, {0.01F});
      add.weight("a.conv1d.2.weight", {3, kWidth, kWidth});
      file.tensor("a.conv1d.2.bias", {1, kWidth}, {0.01F});
      add.weight("a.position_embd.weight", {kWidth, 1500});
      add.layers("a");
      add.norm("a.post_ln", kWidth);
      add.weight("mm.a.mlp.1.weight", {std::uint64_t{kStack} * kWidth, 32});
      add.weight("mm.a.mlp.2.weight", {16, width});
      file.tensor("mm.a.norm_pre.weight", {std::uint64_t{kStack} * kWidth}, {1});
      file.tensor("mm.a.norm_mid.weight", {16}, {1});
      return file;
    }
  }
  return {};
}

TinyGguf tiny_qwen2vl(std::uint32_t seed) {
  TinyGguf file = tiny_llama(seed, "qwen2vl");
  file.numbers("qwen2vl.rope.dimension_sections", {4, 6, 6, 0});
  for (const char* layer : {"0", "1"}) {
    for (const char* name : {"attn_q", "attn_k", "attn_v"})
      file.tensor(fmt::format("blk.{}.{}.bias", layer, name), {64}, {0.02F, -0.01F});
  }
  return file;
}

std::vector<std::uint8_t> random_pixels(std::uint32_t width, std::uint32_t height, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> pixels(std::size_t{3} * width * height);
  std::ranges::generate(pixels, [&] { return static_cast<std::uint8_t>(random()); });
  return pixels;
}

std::string bmp_file(std::uint32_t width, std::uint32_t height, std::uint32_t seed) {
  const std::vector<std::uint8_t> pixels = random_pixels(width, height, seed);
  const std::uint32_t row = (width * 3 + 3) / 4 * 4;
  const auto word = [](std::uint32_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
  };
  std::string file = "BM" + word(54 + row * height, 4) + word(0, 4) + word(54, 4);
  file +=
      word(40, 4) + word(width, 4) + word(height, 4) + word(1, 2) + word(24, 2) + word(0, 4) + word(row * height, 4);
  file += word(2835, 4) + word(2835, 4) + word(0, 4) + word(0, 4);
  for (std::uint32_t y = height; y > 0; --y) {  // from the bottom, blue first
    std::string line;
    for (std::uint32_t x = 0; x < width; ++x) {
      const std::uint8_t* pixel = &pixels[3 * (std::size_t{y - 1} * width + x)];
      line += {static_cast<char>(pixel[2]), static_cast<char>(pixel[1]), static_cast<char>(pixel[0])};
    }
    line.resize(row, '\0');
    file += line;
  }
  return file;
}

}  // namespace plimsoll::test
