// TinyGguf: GGUF files written field by field, right or wrong, and small models made of them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::test {

// Values are written as they are given; nothing is checked, so that damaged files can be made. Little-endian hosts.
class TinyGguf {
 public:
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::optional<std::uint64_t> claimed_tensors;  // empty: as many as there are
  std::optional<std::uint64_t> claimed_keys;

  TinyGguf& text(std::string_view key, std::string_view value);
  TinyGguf& number(std::string_view key, std::uint32_t value);
  TinyGguf& real(std::string_view key, float value);
  TinyGguf& texts(std::string_view key, const std::vector<std::string>& values);
  TinyGguf& reals(std::string_view key, const std::vector<float>& values);
  TinyGguf& numbers(std::string_view key, const std::vector<std::int32_t>& values);
  // A key with a type code and bytes of the caller's choice.
  TinyGguf& raw(std::string_view key, std::uint32_t type, std::string_view bytes);
  TinyGguf& remove(std::string_view key);

  // F32, data laid out after what came before. Values repeat `values` as often as needed.
  TinyGguf& tensor(std::string_view name, const std::vector<std::uint64_t>& shape, const std::vector<float>& values);
  // Description alone: type and offset of the caller's choice, no data.
  TinyGguf& raw_tensor(std::string_view name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                       std::uint64_t offset);

  [[nodiscard]] std::string bytes() const;
  // Bytes up to the first tensor's data.
  [[nodiscard]] std::size_t header_size() const { return header().size(); }

 private:
  struct Key {
    std::string name;
    std::uint32_t type;
    std::string value;
  };
  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> shape;
    std::uint32_t type;
    std::uint64_t offset;
  };
  [[nodiscard]] std::string header() const;

  std::vector<Key> keys_;
  std::vector<Tensor> tensors_;
  std::string data_;
};

// A llama model of two layers with random weights and a vocabulary of letters, digits, some punctuation and bytes.
// tokens: 0 <unk>, 1 <s>, 2 </s>, then 256 byte tokens, then the characters. The same for the same seed.
// Another architecture that has the same tensors, or more, keeps its keys under its own name.
[[nodiscard]] TinyGguf tiny_llama(std::uint32_t seed = 1, const std::string& architecture = "llama");
// The same with at least so many words in its vocabulary: those beyond tiny_llama's are "w338", "w339" ...
[[nodiscard]] TinyGguf tiny_llama_of_words(std::uint32_t count, std::uint32_t seed = 1,
                                           const std::string& architecture = "llama");

// A LoRA of this rank for `attn_q` of every layer of a llama model.
struct LoraShape {
  std::uint32_t layers = 2;
  std::uint32_t width_in = 0;   // the weight's columns
  std::uint32_t width_out = 0;  // its rows
  std::uint32_t rank = 4;
};
[[nodiscard]] TinyGguf tiny_lora(std::string_view architecture, const LoraShape& shape);

}  // namespace plimsoll::test
