// GgufHeader: what a model file's header says, read by us before the engine sees the file. Never trusts a count: every
// length is held against the bytes that are there, so a damaged or hostile file ends in a sentence.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

namespace plimsoll::engine {

// Where a tensor lies: bytes [offset, offset + bytes) of its file.
struct TensorPlace {
  std::uint32_t file = 0;    // index into the split's files
  std::uint64_t offset = 0;  // from the file's beginning
  std::uint64_t bytes = 0;
};

struct GgufHeader {
  std::uint32_t version = 0;
  std::string architecture;  // empty in the later files of a split
  std::unordered_map<std::string, TensorPlace> tensors;
};

// Reads the header of one model, all files of a split. Throws Error{model_unusable}: missing, a directory, unreadable,
// empty, not a GGUF, big-endian, of a future version, cut short, counts or sizes that cannot be, an unknown tensor
// type, a tensor outside the file. Milliseconds, also for a 250,000-token vocabulary. Any thread.
[[nodiscard]] GgufHeader read_gguf_header(const std::string& path);

// How many bytes of a file come before its tensors, for who has only its first ones. `file_bytes` is the whole file's
// length, `name` is for messages. Nothing: they go on behind `first`. Throws as above. Any thread.
[[nodiscard]] std::optional<std::uint64_t> gguf_header_bytes(const std::string& name, std::span<const std::byte> first,
                                                             std::uint64_t file_bytes);

}  // namespace plimsoll::engine
