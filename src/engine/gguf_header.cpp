#include <plimsoll/engine/gguf_header.hpp>

#include <ggml.h>
#include <gguf.h>
#include <llama.h>

#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include <plimsoll/engine/model.hpp>

#include "mapped_file.hpp"

namespace plimsoll::engine {
namespace {

constexpr std::uint64_t kMostTensors = 1U << 20;  // the largest models have some thousands
constexpr std::uint64_t kMostKeys = 1U << 16;
constexpr std::uint64_t kLongestName = 1U << 16;

// Walks the header's bytes; every step is held against what is left.
class Reader {
 public:
  Reader(std::string path, std::span<const std::byte> bytes) : path_(std::move(path)), bytes_(bytes) {}

  [[noreturn]] void unusable(const std::string& why) const {
    throw Error(ErrorCode::model_unusable, fmt::format("'{}' cannot be used: {}", path_, why));
  }

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view text(std::uint64_t longest) {
    const auto length = number<std::uint64_t>();
    if (length > longest) unusable(fmt::format("it is damaged: a text of {} bytes stands in its header", length));
    const auto bytes = take(length);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > bytes_.size() - at_) {
      unusable(fmt::format("it is cut short: its header needs more than the {} bytes that are there", bytes_.size()));
    }
    const auto piece = bytes_.subspan(at_, count);
    at_ += count;
    return piece;
  }

  [[nodiscard]] std::uint64_t position() const noexcept { return at_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return bytes_.size(); }

 private:
  std::string path_;
  std::span<const std::byte> bytes_;
  std::uint64_t at_ = 0;
};

std::uint64_t width_of(std::uint32_t type) {
  switch (type) {
    case GGUF_TYPE_UINT8:
    case GGUF_TYPE_INT8:
    case GGUF_TYPE_BOOL:
      return 1;
    case GGUF_TYPE_UINT16:
    case GGUF_TYPE_INT16:
      return 2;
    case GGUF_TYPE_UINT32:
    case GGUF_TYPE_INT32:
    case GGUF_TYPE_FLOAT32:
      return 4;
    case GGUF_TYPE_UINT64:
    case GGUF_TYPE_INT64:
    case GGUF_TYPE_FLOAT64:
      return 8;
    default:
      return 0;
  }
}

void skip_array(Reader& reader) {
  const auto type = reader.number<std::uint32_t>();
  const auto count = reader.number<std::uint64_t>();
  if (type == GGUF_TYPE_STRING) {
    // Each text has a length of eight bytes, so a count can be judged before it is believed.
    if (count > (reader.size() - reader.position()) / 8)
      reader.unusable("it is damaged: an array longer than the file");
    for (std::uint64_t i = 0; i < count; ++i) (void)reader.text(reader.size());
    return;
  }
  const std::uint64_t width = width_of(type);
  if (width == 0) reader.unusable(fmt::format("it is damaged: an array of the unknown type {}", type));
  if (count > reader.size() / width) reader.unusable("it is damaged: an array longer than the file");
  (void)reader.take(count * width);
}

struct Keys {
  std::string architecture;
  std::uint64_t alignment = GGUF_DEFAULT_ALIGNMENT;
};

void read_key(Reader& reader, Keys& keys) {
  const std::string_view key = reader.text(kLongestName);
  const auto type = reader.number<std::uint32_t>();
  if (type == GGUF_TYPE_ARRAY) {
    skip_array(reader);
  } else if (type == GGUF_TYPE_STRING) {
    const std::string_view value = reader.text(reader.size());
    if (key == "general.architecture") keys.architecture = value;
  } else if (type == GGUF_TYPE_UINT32 && key == GGUF_KEY_GENERAL_ALIGNMENT) {
    keys.alignment = reader.number<std::uint32_t>();
    if (!std::has_single_bit(keys.alignment)) reader.unusable("it is damaged: its alignment is not a power of two");
  } else if (const std::uint64_t width = width_of(type)) {
    (void)reader.take(width);
  } else {
    reader.unusable(fmt::format("it is damaged: the value of '{}' has the unknown type {}", key, type));
  }
}

struct NamedPlace {
  std::string name;
  TensorPlace place;
};

std::uint64_t bytes_of(Reader& reader, std::string_view name, std::uint32_t type,
                       std::span<const std::uint64_t> shape) {
  if (type >= GGML_TYPE_COUNT || ggml_blck_size(static_cast<ggml_type>(type)) == 0) {
    reader.unusable(fmt::format("its tensor '{}' has the unknown type {}", name, type));
  }
  std::uint64_t elements = 1;
  for (const std::uint64_t n : shape) {
    if (n != 0 && elements > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / n) {
      reader.unusable(fmt::format("it is damaged: its tensor '{}' has an impossible size", name));
    }
    elements *= n;
  }
  const auto block = static_cast<std::uint64_t>(ggml_blck_size(static_cast<ggml_type>(type)));
  const std::uint64_t width = ggml_type_size(static_cast<ggml_type>(type));
  if (!shape.empty() && shape[0] % block != 0) {
    reader.unusable(fmt::format("it is damaged: rows of its tensor '{}' are no whole number of blocks", name));
  }
  if (elements / block > std::numeric_limits<std::uint64_t>::max() / width) {
    reader.unusable(fmt::format("it is damaged: its tensor '{}' has an impossible size", name));
  }
  return elements / block * width;
}

NamedPlace read_tensor(Reader& reader) {
  NamedPlace tensor{.name = std::string(reader.text(kLongestName)), .place = {}};
  const auto dimensions = reader.number<std::uint32_t>();
  if (dimensions > GGML_MAX_DIMS) {
    reader.unusable(
        fmt::format("its tensor '{}' has {} dimensions; the engine knows {}", tensor.name, dimensions, GGML_MAX_DIMS));
  }
  std::array<std::uint64_t, GGML_MAX_DIMS> shape{};
  for (std::uint32_t i = 0; i < dimensions; ++i) shape[i] = reader.number<std::uint64_t>();
  const auto type = reader.number<std::uint32_t>();
  tensor.place.offset = reader.number<std::uint64_t>();
  tensor.place.bytes = bytes_of(reader, tensor.name, type, std::span(shape).first(dimensions));
  return tensor;
}

void read_one_file(const std::string& path, std::uint32_t index, GgufHeader& header) {
  const MappedFile file(path);
  Reader reader(path, file.bytes());
  if (reader.size() < 4 || std::memcmp(reader.take(4).data(), GGUF_MAGIC, 4) != 0) {
    reader.unusable("it is not a GGUF file (it does not begin with 'GGUF')");
  }
  const auto version = reader.number<std::uint32_t>();
  if (version != 0 && (version & 0xFFFFU) == 0) reader.unusable("it was written for big-endian machines");
  if (version < 2)
    reader.unusable(fmt::format("its format is GGUF version {}, which the engine no longer reads", version));
  if (version > GGUF_VERSION) {
    reader.unusable(
        fmt::format("its format is GGUF version {}; this engine reads up to version {}", version, GGUF_VERSION));
  }
  const auto tensor_count = reader.number<std::uint64_t>();
  const auto key_count = reader.number<std::uint64_t>();
  if (tensor_count > kMostTensors || key_count > kMostKeys) {
    reader.unusable(fmt::format("it is damaged: it claims {} tensors and {} keys", tensor_count, key_count));
  }
  Keys keys;
  for (std::uint64_t i = 0; i < key_count; ++i) read_key(reader, keys);
  std::vector<NamedPlace> tensors;
  for (std::uint64_t i = 0; i < tensor_count; ++i) tensors.push_back(read_tensor(reader));

  const std::uint64_t data = (reader.position() + keys.alignment - 1) / keys.alignment * keys.alignment;
  for (NamedPlace& tensor : tensors) {
    const std::uint64_t room = data > reader.size() ? 0 : reader.size() - data;
    if (tensor.place.offset > room || tensor.place.bytes > room - tensor.place.offset) {
      reader.unusable(fmt::format("it is cut short: its tensor '{}' lies outside the file", tensor.name));
    }
    tensor.place.offset += data;
    tensor.place.file = index;
    header.tensors.emplace(std::move(tensor.name), tensor.place);
  }
  if (index == 0) {
    header.version = version;
    header.architecture = keys.architecture;
    if (keys.architecture.empty()) reader.unusable("it does not say which architecture it is of");
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
