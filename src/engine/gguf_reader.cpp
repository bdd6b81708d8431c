#include "gguf_reader.hpp"

#include <ggml.h>
#include <gguf.h>

#include <array>
#include <bit>
#include <limits>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {
namespace {

constexpr std::uint64_t kMostTensors = 1U << 20;  // the largest models have some thousands
constexpr std::uint64_t kMostKeys = 1U << 16;
constexpr std::uint64_t kLongestName = 1U << 16;

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

// Answers how many elements it has.
std::uint64_t skip_array(GgufReader& reader) {
  const auto type = reader.number<std::uint32_t>();
  const auto count = reader.number<std::uint64_t>();
  if (type == GGUF_TYPE_STRING) {
    // Each text has a length of eight bytes, so a count can be judged before it is believed.
    if (count > (reader.size() - reader.position()) / 8)
      reader.unusable("it is damaged: an array longer than the file");
    for (std::uint64_t i = 0; i < count; ++i) (void)reader.text(reader.size());
    return count;
  }
  const std::uint64_t width = width_of(type);
  if (width == 0) reader.unusable(fmt::format("it is damaged: an array of the unknown type {}", type));
  if (count > reader.size() / width) reader.unusable("it is damaged: an array longer than the file");
  (void)reader.take(count * width);
  return count;
}

std::uint64_t unsigned_number(GgufReader& reader, std::uint32_t type) {
  switch (type) {
    case GGUF_TYPE_UINT8:
      return reader.number<std::uint8_t>();
    case GGUF_TYPE_UINT16:
      return reader.number<std::uint16_t>();
    case GGUF_TYPE_UINT32:
      return reader.number<std::uint32_t>();
    case GGUF_TYPE_UINT64:
      return reader.number<std::uint64_t>();
    default:
      (void)reader.take(width_of(type));
      return 0;
  }
}

std::uint64_t bytes_of(const GgufReader& reader, std::string_view name, std::uint32_t type,
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
    reader.unusable(fmt::format("it is damaged: rows of its tensor '{}' are not a whole number of blocks", name));
  }
  if (elements / block > std::numeric_limits<std::uint64_t>::max() / width) {
    reader.unusable(fmt::format("it is damaged: its tensor '{}' has an impossible size", name));
  }
  return elements / block * width;
}

}  // namespace

void GgufReader::unusable(const std::string& why) const {
  throw Error(ErrorCode::model_unusable, fmt::format("'{}' cannot be used: {}", path_, why));
}

std::string_view GgufReader::text(std::uint64_t longest) {
  const auto length = number<std::uint64_t>();
  if (length > longest) unusable(fmt::format("it is damaged: a text of {} bytes stands in its header", length));
  const auto bytes = take(length);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> GgufReader::take(std::uint64_t count) {
  if (count > file_bytes_ - at_)
    unusable(fmt::format("it is cut short: its header needs more than the {} bytes that are there", file_bytes_));
  if (count > bytes_.size() - at_) throw GgufGoesOn{};
  const auto piece = bytes_.subspan(at_, count);
  at_ += count;
  return piece;
}

GgufCounts read_counts(GgufReader& reader) {
  if (reader.size() < 4 || std::memcmp(reader.take(4).data(), GGUF_MAGIC, 4) != 0) {
    reader.unusable("it is not a GGUF file (it does not begin with 'GGUF')");
  }
  GgufCounts counts;
  counts.version = reader.number<std::uint32_t>();
  const std::uint32_t version = counts.version;
  if (version != 0 && (version & 0xFFFFU) == 0) reader.unusable("it was written for big-endian machines");
  if (version < 2)
    reader.unusable(fmt::format("its format is GGUF version {}, which the engine no longer reads", version));
  if (version > GGUF_VERSION) {
    reader.unusable(
        fmt::format("its format is GGUF version {}; this engine reads up to version {}", version, GGUF_VERSION));
  }
  counts.tensors = reader.number<std::uint64_t>();
  counts.keys = reader.number<std::uint64_t>();
  if (counts.tensors > kMostTensors || counts.keys > kMostKeys) {
    reader.unusable(fmt::format("it is damaged: it claims {} tensors and {} keys", counts.tensors, counts.keys));
  }
  return counts;
}

GgufKey read_key(GgufReader& reader) {
  const std::uint64_t begin = reader.position();
  GgufKey key;
  key.name = reader.text(kLongestName);
  key.type = reader.number<std::uint32_t>();
  if (key.type == GGUF_TYPE_ARRAY) {
    key.count = skip_array(reader);
  } else if (key.type == GGUF_TYPE_STRING) {
    key.text = reader.text(reader.size());
  } else if (width_of(key.type) != 0) {
    key.number = unsigned_number(reader, key.type);
  } else {
    reader.unusable(fmt::format("it is damaged: the value of '{}' has the unknown type {}", key.name, key.type));
  }
  key.record = reader.since(begin);
  return key;
}

std::uint64_t alignment_of(const GgufReader& reader, const GgufKey& key) {
  if (!std::has_single_bit(key.number)) reader.unusable("it is damaged: its alignment is not a power of two");
  return key.number;
}

GgufTensor read_tensor(GgufReader& reader) {
  const std::uint64_t begin = reader.position();
  GgufTensor tensor;
  tensor.name = reader.text(kLongestName);
  const auto dimensions = reader.number<std::uint32_t>();
  if (dimensions > GGML_MAX_DIMS) {
    reader.unusable(
        fmt::format("its tensor '{}' has {} dimensions; the engine knows {}", tensor.name, dimensions, GGML_MAX_DIMS));
  }
  std::array<std::uint64_t, GGML_MAX_DIMS> shape{};
  for (std::uint32_t i = 0; i < dimensions; ++i) shape[i] = reader.number<std::uint64_t>();
  const auto type = reader.number<std::uint32_t>();
  tensor.description = reader.since(begin);
  tensor.offset = reader.number<std::uint64_t>();
  tensor.bytes = bytes_of(reader, tensor.name, type, std::span(shape).first(dimensions));
  return tensor;
}

}  // namespace plimsoll::engine
