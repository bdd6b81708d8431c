// GgufReader: walks the bytes of one GGUF header; every step is held against what is left. Private to this part.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace plimsoll::engine {

// Thrown where a file goes on behind the bytes of it that are there.
struct GgufGoesOn {};

class GgufReader {
 public:
  // `path` is for messages; `bytes` outlives the reader and everything it hands out.
  GgufReader(std::string path, std::span<const std::byte> bytes) : GgufReader(std::move(path), bytes, bytes.size()) {}
  // The first bytes of a file of `file_bytes`.
  GgufReader(std::string path, std::span<const std::byte> bytes, std::uint64_t file_bytes)
      : path_(std::move(path)), bytes_(bytes), file_bytes_(file_bytes) {}

  [[noreturn]] void unusable(const std::string& why) const;

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view text(std::uint64_t longest);
  std::span<const std::byte> take(std::uint64_t count);

  // What was read since `from`, a position() of before.
  [[nodiscard]] std::span<const std::byte> since(std::uint64_t from) const { return bytes_.subspan(from, at_ - from); }
  [[nodiscard]] std::uint64_t position() const noexcept { return at_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return file_bytes_; }

 private:
  std::string path_;
  std::span<const std::byte> bytes_;
  std::uint64_t file_bytes_;
  std::uint64_t at_ = 0;
};

// The four functions below read the parts of a header in their order, and throw Error{model_unusable}.
struct GgufCounts {
  std::uint32_t version = 0;
  std::uint64_t tensors = 0;
  std::uint64_t keys = 0;
};
[[nodiscard]] GgufCounts read_counts(GgufReader& reader);

struct GgufKey {
  std::string_view name;
  std::uint32_t type = 0;             // a gguf_type
  std::string_view text;              // of a text
  std::uint64_t number = 0;           // of an unsigned integer
  std::uint64_t count = 0;            // of an array
  std::span<const std::byte> record;  // the key as it stands in the file
};
[[nodiscard]] GgufKey read_key(GgufReader& reader);

struct GgufTensor {
  std::string_view name;
  std::uint64_t offset = 0;  // from the beginning of the data
  std::uint64_t bytes = 0;
  std::span<const std::byte> description;  // name, shape and type as they stand in the file; the offset follows
};
[[nodiscard]] GgufTensor read_tensor(GgufReader& reader);

// The alignment that a key names. Throws where it is not a power of two.
[[nodiscard]] std::uint64_t alignment_of(const GgufReader& reader, const GgufKey& key);

[[nodiscard]] constexpr std::uint64_t aligned(std::uint64_t bytes, std::uint64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace plimsoll::engine
