#include "engine/bare_header.hpp"

#include <gguf.h>

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "engine/model.hpp"

#include "gguf_reader.hpp"
#include "mapped_file.hpp"

namespace plimsoll::engine {
namespace {

template <class T>
void append_number(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& to, std::string_view text) {
  append_number<std::uint64_t>(to, text.size());
  to += text;
}

void append_bytes(std::string& to, std::span<const std::byte> bytes) {
  to.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// One bare header, gathered from the files of a model.
class Gathering {
 public:
  void add(const std::string& path, bool first) {
    const MappedFile file(path);
    GgufReader reader(path, file.bytes());
    const GgufCounts counts = read_counts(reader);
    if (first) version_ = counts.version;
    for (std::uint64_t i = 0; i < counts.keys; ++i) {
      const GgufKey key = read_key(reader);
      if (first) add(reader, key);
    }
    for (std::uint64_t i = 0; i < counts.tensors; ++i) add(read_tensor(reader));
  }

  // The engine takes a model without vocabulary by this name, and its size from the second key.
  bool leave_out_the_vocabulary() {
    if (tokenizer_.empty() || tokenizer_ == "none" || tokenizer_ == "no_vocab") return false;
    if (vocabulary_ == 0 || (claimed_vocabulary_ && *claimed_vocabulary_ != vocabulary_)) return false;
    append_text(keys_, "tokenizer.ggml.model");
    append_number<std::uint32_t>(keys_, GGUF_TYPE_STRING);
    append_text(keys_, "none");
    append_text(keys_, vocab_size_key_);
    append_number<std::uint32_t>(keys_, GGUF_TYPE_UINT32);
    append_number(keys_, static_cast<std::uint32_t>(vocabulary_));
    key_count_ += 2;
    return true;
  }

  [[nodiscard]] std::string header() const {
    std::string bytes = GGUF_MAGIC;
    append_number(bytes, version_);
    append_number(bytes, tensor_count_);
    append_number(bytes, key_count_);
    bytes += keys_;
    bytes += tensors_;
    bytes.resize(aligned(bytes.size(), alignment_));
    return bytes;
  }
  [[nodiscard]] std::uint64_t data_bytes() const noexcept { return data_; }

 private:
  void add(const GgufReader& reader, const GgufKey& key) {
    if (key.name == "general.architecture") vocab_size_key_ = std::string(key.text) + ".vocab_size";
    if (key.type == GGUF_TYPE_UINT32 && key.name == GGUF_KEY_GENERAL_ALIGNMENT) alignment_ = alignment_of(reader, key);
    if (key.name == "tokenizer.ggml.tokens") vocabulary_ = key.count;
    if (key.name == "tokenizer.ggml.model") {
      tokenizer_ = key.text;
      return;
    }
    if (key.name == vocab_size_key_) {
      claimed_vocabulary_ = key.number;
      return;
    }
    const bool vocabulary = key.type == GGUF_TYPE_ARRAY && key.name.starts_with("tokenizer.");
    if (vocabulary || key.name.starts_with("split.")) return;
    append_bytes(keys_, key.record);
    ++key_count_;
  }

  void add(const GgufTensor& tensor) {
    append_bytes(tensors_, tensor.description);
    append_number(tensors_, data_);
    data_ += aligned(tensor.bytes, alignment_);
    ++tensor_count_;
  }

  std::uint32_t version_ = 0;
  std::string vocab_size_key_ =
      ".vocab_size";  // made once: an architecture's name can be as long as a damaged file says
  std::string tokenizer_;
  std::uint64_t alignment_ = GGUF_DEFAULT_ALIGNMENT;
  std::uint64_t vocabulary_ = 0;
  std::optional<std::uint64_t> claimed_vocabulary_;
  std::string keys_;
  std::uint64_t key_count_ = 0;
  std::string tensors_;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t data_ = 0;
};

// A file beyond the limit would end the process with a signal.
bool may_be_as_large(std::uint64_t bytes) {
  rlimit limit{};
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && (limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur);
}

bool write_whole(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

std::optional<BareHeader> BareHeader::of(const std::string& path) {
  check_model_file(path);
  Gathering gathering;
  bool first = true;
  for (const std::string& file : split_files(path)) gathering.add(file, std::exchange(first, false));
  if (!gathering.leave_out_the_vocabulary()) return std::nullopt;

  const std::string header = gathering.header();
  const std::uint64_t size = header.size() + gathering.data_bytes();
  if (!may_be_as_large(size)) return std::nullopt;
  BareHeader bare(memfd_create("plimsoll-bare-header", MFD_CLOEXEC));
  if (bare.file_ < 0 || !write_whole(bare.file_, header)) return std::nullopt;
  if (ftruncate(bare.file_, static_cast<off_t>(size)) != 0 || access(bare.path_.c_str(), R_OK) != 0) {
    return std::nullopt;
  }
  return bare;
}

BareHeader::BareHeader(int file) : file_(file), path_("/proc/self/fd/" + std::to_string(file)) {}

BareHeader::BareHeader(BareHeader&& other) noexcept
    : file_(std::exchange(other.file_, -1)), path_(std::move(other.path_)) {}

BareHeader& BareHeader::operator=(BareHeader&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(path_, other.path_);
  return *this;
}

BareHeader::~BareHeader() {
  if (file_ >= 0) close(file_);
}

}  // namespace plimsoll::engine
