#include "tiny_gguf.hpp"

#include <gguf.h>

#include <algorithm>
#include <bit>
#include <random>

#include <fmt/format.h>

namespace plimsoll::test {
namespace {

static_assert(std::endian::native == std::endian::little);
constexpr std::size_t kAlignment = GGUF_DEFAULT_ALIGNMENT;

template <class T>
std::string raw_bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string sized(std::string_view text) { return raw_bytes(static_cast<std::uint64_t>(text.size())).append(text); }

template <class T>
std::string array(gguf_type type, const std::vector<T>& values) {
  std::string bytes =
      raw_bytes(static_cast<std::uint32_t>(type)) + raw_bytes(static_cast<std::uint64_t>(values.size()));
  for (const T& value : values) {
    if constexpr (std::is_same_v<T, std::string>)
      bytes += sized(value);
    else
      bytes += raw_bytes(value);
  }
  return bytes;
}

void pad(std::string& bytes) { bytes.resize((bytes.size() + kAlignment - 1) / kAlignment * kAlignment, '\0'); }

}  // namespace

TinyGguf& TinyGguf::raw(std::string_view key, std::uint32_t type, std::string_view bytes) {
  keys_.push_back({.name = std::string(key), .type = type, .value = std::string(bytes)});
  return *this;
}
TinyGguf& TinyGguf::text(std::string_view key, std::string_view value) {
  return raw(key, GGUF_TYPE_STRING, sized(value));
}
TinyGguf& TinyGguf::number(std::string_view key, std::uint32_t value) {
  return raw(key, GGUF_TYPE_UINT32, raw_bytes(value));
}
TinyGguf& TinyGguf::real(std::string_view key, float value) { return raw(key, GGUF_TYPE_FLOAT32, raw_bytes(value)); }
TinyGguf& TinyGguf::texts(std::string_view key, const std::vector<std::string>& values) {
  return raw(key, GGUF_TYPE_ARRAY, array(GGUF_TYPE_STRING, values));
}
TinyGguf& TinyGguf::reals(std::string_view key, const std::vector<float>& values) {
  return raw(key, GGUF_TYPE_ARRAY, array(GGUF_TYPE_FLOAT32, values));
}
TinyGguf& TinyGguf::numbers(std::string_view key, const std::vector<std::int32_t>& values) {
  return raw(key, GGUF_TYPE_ARRAY, array(GGUF_TYPE_INT32, values));
}
TinyGguf& TinyGguf::remove(std::string_view key) {
  std::erase_if(keys_, [&](const Key& each) { return each.name == key; });
  return *this;
}

TinyGguf& TinyGguf::tensor(std::string_view name, const std::vector<std::uint64_t>& shape,
                           const std::vector<float>& values) {
  std::uint64_t count = 1;
  for (const std::uint64_t n : shape) count *= n;
  raw_tensor(name, shape, GGML_TYPE_F32, data_.size());
  for (std::uint64_t i = 0; i < count; ++i) data_ += raw_bytes(values[i % values.size()]);
  pad(data_);
  return *this;
}

TinyGguf& TinyGguf::raw_tensor(std::string_view name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                               std::uint64_t offset) {
  tensors_.push_back({.name = std::string(name), .shape = shape, .type = type, .offset = offset});
  return *this;
}

std::string TinyGguf::header() const {
  std::string bytes = magic + raw_bytes(version) + raw_bytes(claimed_tensors.value_or(tensors_.size())) +
                      raw_bytes(claimed_keys.value_or(keys_.size()));
  for (const Key& key : keys_) bytes += sized(key.name) + raw_bytes(key.type) + key.value;
  for (const Tensor& tensor : tensors_) {
    bytes += sized(tensor.name) + raw_bytes(static_cast<std::uint32_t>(tensor.shape.size()));
    for (const std::uint64_t n : tensor.shape) bytes += raw_bytes(n);
    bytes += raw_bytes(tensor.type) + raw_bytes(tensor.offset);
  }
  pad(bytes);
  return bytes;
}

std::string TinyGguf::bytes() const { return header() + data_; }

namespace {

constexpr std::uint32_t kEmbd = 64;
constexpr std::uint32_t kHeads = 2;
constexpr std::uint32_t kFeedForward = 96;
constexpr std::uint32_t kLayers = 2;

struct Words {
  std::vector<std::string> tokens{"<unk>", "<s>", "</s>"};
  std::vector<float> scores{0, 0, 0};
  std::vector<std::int32_t> types{2, 3, 3};  // llama.cpp: unknown, control, control

  Words() {
    for (int byte = 0; byte < 256; ++byte) add(fmt::format("<0x{:02X}>", byte), -1000, 6);
    add("\xE2\x96\x81", -1, 1);  // SentencePiece's space
    for (const char c :
         std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?{}[]\"-")) {
      add(std::string(1, c), -2, 1);
    }
  }
  void add(std::string token, float score, std::int32_t type) {
    tokens.push_back(std::move(token));
    scores.push_back(score);
    types.push_back(type);
  }
};

}  // namespace

TinyGguf tiny_llama(std::uint32_t seed, const std::string& architecture) {
  return tiny_llama_of_words(0, seed, architecture);
}

TinyGguf tiny_llama_of_words(std::uint32_t count, std::uint32_t seed, const std::string& architecture) {
  Words words;
  while (words.tokens.size() < count) words.add(fmt::format("w{}", words.tokens.size()), -500, 1);
  TinyGguf file;
  const auto key = [&](const char* name) { return architecture + "." + name; };
  file.text("general.architecture", architecture).text("general.name", "tiny");
  file.number(key("context_length"), 512).number(key("embedding_length"), kEmbd).number(key("block_count"), kLayers);
  file.number(key("feed_forward_length"), kFeedForward).number(key("attention.head_count"), kHeads);
  file.real(key("attention.layer_norm_rms_epsilon"), 1e-5F).number(key("rope.dimension_count"), kEmbd / kHeads);
  file.text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", words.tokens);
  file.reals("tokenizer.ggml.scores", words.scores).numbers("tokenizer.ggml.token_type", words.types);
  file.number("tokenizer.ggml.bos_token_id", 1).number("tokenizer.ggml.eos_token_id", 2);

  std::mt19937 random(seed);
  std::normal_distribution<float> weight(0, 0.4F);
  const auto add = [&](const std::string& name, std::uint64_t columns, std::uint64_t rows) {
    std::vector<float> values(columns * rows);
    std::ranges::generate(values, [&] { return weight(random); });
    file.tensor(name, {columns, rows}, values);
  };
  add("token_embd.weight", kEmbd, words.tokens.size());
  file.tensor("output_norm.weight", {kEmbd}, {1});
  add("output.weight", kEmbd, words.tokens.size());
  for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
    const std::string prefix = fmt::format("blk.{}.", layer);
    file.tensor(prefix + "attn_norm.weight", {kEmbd}, {1}).tensor(prefix + "ffn_norm.weight", {kEmbd}, {1});
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) add(prefix + name + ".weight", kEmbd, kEmbd);
    for (const char* name : {"ffn_gate", "ffn_up"}) add(prefix + name + ".weight", kEmbd, kFeedForward);
    add(prefix + "ffn_down.weight", kFeedForward, kEmbd);
  }
  return file;
}

TinyGguf tiny_lora(std::string_view architecture, const LoraShape& shape) {
  TinyGguf file;
  file.text("general.architecture", architecture).text("general.type", "adapter").text("adapter.type", "lora");
  file.real("adapter.lora.alpha", static_cast<float>(shape.rank));
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
    const std::string weight = fmt::format("blk.{}.attn_q.weight", layer);
    file.tensor(weight + ".lora_a", {shape.width_in, shape.rank}, {0.5F, -0.25F, 0.125F});
    file.tensor(weight + ".lora_b", {shape.rank, shape.width_out}, {-0.5F, 0.25F, 0.75F, 0.1F});
  }
  return file;
}

}  // namespace plimsoll::test
