// weight_files: a model's files, open beside the engine's own opening of them, and where in them each weight lies.
#pragma once
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/gguf_header.hpp"

namespace plimsoll::tracker {

// Several threads may read() at once; everything else is one thread's.
class WeightFiles {
 public:
  // All files of a split. Throws Error{model_unusable} where one cannot be read or is no model.
  explicit WeightFiles(const std::string& path);
  ~WeightFiles();
  WeightFiles(const WeightFiles&) = delete;
  WeightFiles& operator=(const WeightFiles&) = delete;

  // Where the weight of that name lies, if `data` is where the engine has mapped all of it. Empty where it is something
  // else: another size, or bytes that the engine made itself. The addresses of one file's weights must all lead back to
  // the same beginning, which is a page's.
  [[nodiscard]] std::optional<engine::TensorPlace> find(const char* name, const void* data, std::size_t bytes);
  // Throws Error{model_unusable} where the file ends before, or cannot be read.
  void read(std::uint32_t file, std::uint64_t offset, std::byte* to, std::size_t bytes) const;
  // Throws Error{model_unusable} where a file was written to, cut or replaced since it was opened here: what was read
  // then may be of two files.
  void require_unchanged() const;

 private:
  struct File {
    std::string path;
    int descriptor = -1;
    struct stat state{};
    std::uintptr_t mapped_at = 0;  // 0: the engine has not shown it yet
  };
  void close_all() noexcept;

  engine::GgufHeader header_;
  std::vector<File> files_;
};

}  // namespace plimsoll::tracker
