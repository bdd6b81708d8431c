#include "engine/gguf_header.hpp"

#include <gguf.h>
#include <llama.h>

#include <cstdio>
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

void read_one_file(const std::string& path, std::uint32_t index, GgufHeader& header) {
  const MappedFile file(path);
  GgufReader reader(path, file.bytes());
  const GgufCounts counts = read_counts(reader);
  std::string architecture;
  std::uint64_t alignment = GGUF_DEFAULT_ALIGNMENT;
  for (std::uint64_t i = 0; i < counts.keys; ++i) {
    const GgufKey key = read_key(reader);
    if (key.name == "general.architecture") architecture = key.text;
    if (key.type == GGUF_TYPE_UINT32 && key.name == GGUF_KEY_GENERAL_ALIGNMENT) alignment = alignment_of(reader, key);
  }
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
