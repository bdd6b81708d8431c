#include "tiny_bert.hpp"

#include <algorithm>
#include <random>
#include <string_view>

#include <fmt/format.h>

namespace plimsoll::test {
namespace {

constexpr std::uint32_t kBertWidth = 64;
constexpr std::uint32_t kBertHeads = 2;
constexpr std::uint32_t kBertInner = 96;
constexpr std::uint32_t kBertLayers = 2;
constexpr std::uint32_t kContext = 512;
constexpr std::uint32_t kBool = 7;  // GGUF's type code

std::vector<std::string> vocabulary() {
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyz0123456789.,!?")) {
    tokens.push_back("\xE2\x96\x81" + std::string(1, c));
    tokens.emplace_back(1, c);
  }
  return tokens;
}

class Writer {
 public:
  explicit Writer(const BertShape& shape) : shape_(shape), random_(shape.seed) {}

  TinyGguf write() {
    keys();
    const auto tokens = vocabulary().size();
    weights("token_embd.weight", kBertWidth, tokens);
    weights("token_types.weight", kBertWidth, 2);
    if (shape_.architecture == "bert") weights("position_embd.weight", kBertWidth, kContext);
    norm("token_embd_norm");
    for (std::uint32_t i = 0; i < kBertLayers; ++i) layer(fmt::format("blk.{}.", i));
    if (shape_.classes > 0) {
      weights("cls.weight", kBertWidth, kBertWidth);
      file_.tensor("cls.bias", {kBertWidth}, {0.1F});
      weights("cls.output.weight", kBertWidth, shape_.classes);
      file_.tensor("cls.output.bias", {shape_.classes}, {0.1F, -0.2F});
    }
    return std::move(file_);
  }

 private:
  void keys() {
    const std::string& name = shape_.architecture;
    file_.text("general.architecture", name).text("general.name", "tiny");
    file_.number(name + ".context_length", kContext).number(name + ".embedding_length", kBertWidth);
    file_.number(name + ".block_count", kBertLayers).number(name + ".feed_forward_length", kBertInner);
    file_.number(name + ".attention.head_count", kBertHeads).real(name + ".attention.layer_norm_epsilon", 1e-12F);
    file_.raw(name + ".attention.causal", kBool, std::string(1, '\0')).number(name + ".pooling_type", shape_.pooling);
    if (!shape_.labels.empty()) file_.texts(name + ".classifier.output_labels", shape_.labels);
    file_.text("tokenizer.ggml.model", "bert").text("tokenizer.ggml.pre", "default");
    std::vector<std::int32_t> types(vocabulary().size(), 1);  // llama.cpp: normal, but for five control tokens
    std::fill_n(types.begin(), 5, 3);
    file_.texts("tokenizer.ggml.tokens", vocabulary()).numbers("tokenizer.ggml.token_type", types);
    file_.number("tokenizer.ggml.token_type_count", 2);
    file_.number("tokenizer.ggml.padding_token_id", 0).number("tokenizer.ggml.unknown_token_id", 1);
    file_.number("tokenizer.ggml.bos_token_id", 2).number("tokenizer.ggml.cls_token_id", 2);
    file_.number("tokenizer.ggml.eos_token_id", 3).number("tokenizer.ggml.seperator_token_id", 3);
    file_.number("tokenizer.ggml.mask_token_id", 4);
    if (!shape_.rerank_template.empty()) file_.text("tokenizer.chat_template.rerank", shape_.rerank_template);
  }

  void weights(const std::string& name, std::uint64_t columns, std::uint64_t rows) {
    std::normal_distribution<float> weight(0, 0.2F);
    std::vector<float> values(columns * rows);
    std::ranges::generate(values, [&] { return weight(random_); });
    file_.tensor(name, {columns, rows}, values);
  }

  void norm(const std::string& name) {
    file_.tensor(name + ".weight", {kBertWidth}, {1}).tensor(name + ".bias", {kBertWidth}, {0.01F});
  }

  void linear(const std::string& name, std::uint64_t columns, std::uint64_t rows) {
    weights(name + ".weight", columns, rows);
    if (shape_.architecture == "bert") file_.tensor(name + ".bias", {rows}, {0.02F});
  }

  void layer(const std::string& prefix) {
    if (shape_.architecture == "bert") {
      for (const char* name : {"attn_q", "attn_k", "attn_v"}) linear(prefix + name, kBertWidth, kBertWidth);
    } else {
      linear(prefix + "attn_qkv", kBertWidth, 3 * kBertWidth);
      linear(prefix + "ffn_gate", kBertWidth, kBertInner);
    }
    linear(prefix + "attn_output", kBertWidth, kBertWidth);
    norm(prefix + "attn_output_norm");
    linear(prefix + "ffn_up", kBertWidth, kBertInner);
    linear(prefix + "ffn_down", kBertInner, kBertWidth);
    norm(prefix + "layer_output_norm");
  }

  const BertShape& shape_;
  std::mt19937 random_;
  TinyGguf file_;
};

}  // namespace

TinyGguf tiny_bert(const BertShape& shape) { return Writer(shape).write(); }

}  // namespace plimsoll::test
