#include "engine/gguf_header.hpp"

#include <gguf.h>
#include <llama.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "engine/model.hpp"

#include "gguf_reader.hpp"
#include "mapped_file.hpp"

namespace plimsoll::engine {
namespace {

struct NamedPlace {
  std::string name;
  TensorPlace place;
};

// "a-00002-of-00003.gguf" -> "a-00001-of-00003.gguf"; "the first" where the name is no such one.
std::string first_part(const std::string& path) {
  const std::size_t at = path.rfind("-of-");
  constexpr std::size_t kDigits = 5;
  if (at == std::string::npos || at < kDigits) return "the first";
  return "'" + std::string(path).replace(at - kDigits, kDigits, "00001") + "'";
}

// A model in several files is named by the first, whose name says how many there are.
void require_first_part(const GgufReader& reader, const std::string& path, std::uint64_t part, std::uint64_t parts) {
  if (parts < 2) return;
  if (part > 0)
    reader.unusable("it is part " + std::to_string(part + 1) + " of " + std::to_string(parts) + " of a model; name " +
                    first_part(path));
  if (split_files(path).size() == 1)
    reader.unusable(
        "it is the first of " + std::to_string(parts) + " parts of a model, which its name must say as NAME-00001-of-" +
        std::string(5 - std::min<std::size_t>(5, std::to_string(parts).size()), '0') + std::to_string(parts) + ".gguf");
}

void read_one_file(const std::string& path, std::uint32_t index, GgufHeader& header) {
  const MappedFile file(path);
  GgufReader reader(path, file.bytes());
  const GgufCounts counts = read_counts(reader);
  std::string architecture;
  std::uint64_t alignment = GGUF_DEFAULT_ALIGNMENT;
  std::uint64_t part = 0;
  std::uint64_t parts = 0;
  for (std::uint64_t i = 0; i < counts.keys; ++i) {
    const GgufKey key = read_key(reader);
    if (key.name == "general.architecture") architecture = key.text;
    if (key.name == "split.no") part = key.number;
    if (key.name == "split.count") parts = key.number;
    if (key.type == GGUF_TYPE_UINT32 && key.name == GGUF_KEY_GENERAL_ALIGNMENT) alignment = alignment_of(reader, key);
  }
  if (index == 0) require_first_part(reader, path, part, parts);
  std::vector<NamedPlace> tensors;
  for (std::uint64_t i = 0; i < counts.tensors; ++i) {
    const GgufTensor tensor = read_tensor(reader);
    tensors.push_back(
        {.name = std::string(tensor.name), .place = {.file = index, .offset = tensor.offset, .bytes = tensor.bytes}});
  }
  const std::uint64_t data = aligned(reader.position(), alignment);
  for (NamedPlace& tensor : tensors) {
    const std::uint64_t size = data > reader.size() ? 0 : reader.size() - data;
    if (tensor.place.offset > size || tensor.place.bytes > size - tensor.place.offset) {
      reader.unusable("it is cut short: its tensor '" + tensor.name + "' lies outside the file");
    }
    tensor.place.offset += data;
    header.tensors.emplace(std::move(tensor.name), tensor.place);
  }
  if (index == 0) {
    header.version = counts.version;
    header.architecture = architecture;
    if (architecture.empty()) reader.unusable("it does not say which architecture it is of");
  }
}

}  // namespace

GgufHeader read_gguf_header(const std::string& path) {
  GgufHeader header;
  std::uint32_t index = 0;
  for (const std::string& file : split_files(path)) read_one_file(file, index++, header);
  return header;
}

std::optional<std::uint64_t> gguf_header_bytes(const std::string& name, std::span<const std::byte> first,
                                               std::uint64_t file_bytes) {
  GgufReader reader(name, first, file_bytes);
  try {
    const GgufCounts counts = read_counts(reader);
    std::uint64_t alignment = GGUF_DEFAULT_ALIGNMENT;
    for (std::uint64_t i = 0; i < counts.keys; ++i) {
      const GgufKey key = read_key(reader);
      if (key.type == GGUF_TYPE_UINT32 && key.name == GGUF_KEY_GENERAL_ALIGNMENT) alignment = alignment_of(reader, key);
    }
    for (std::uint64_t i = 0; i < counts.tensors; ++i) (void)read_tensor(reader);
    return std::min(aligned(reader.position(), alignment), file_bytes);
  } catch (const GgufGoesOn&) {
    return std::nullopt;
  }
}

void check_model_file(const std::string& path) { (void)read_gguf_header(path); }

std::vector<std::string> split_files(const std::string& path) {
  // The engine's own naming: <prefix>-00001-of-00003.gguf, asked of the engine so that the two cannot differ.
  constexpr std::string_view kTail = "-00001-of-00001.gguf";
  if (path.size() <= kTail.size()) return {path};
  const std::string_view tail = std::string_view(path).substr(path.size() - kTail.size());
  int count = 0;
  if (std::sscanf(std::string(tail).c_str(), "-00001-of-%5d.gguf", &count) != 1 || count < 1) return {path};
  std::vector<char> prefix(path.size() + 1);
  if (llama_split_prefix(prefix.data(), prefix.size(), path.c_str(), 0, count) == 0) return {path};
  std::vector<std::string> files;
  for (int i = 0; i < count; ++i) {
    std::vector<char> file(path.size() + 32);
    llama_split_path(file.data(), file.size(), prefix.data(), i, count);
    files.emplace_back(file.data());
  }
  return files;
}

}  // namespace plimsoll::engine
