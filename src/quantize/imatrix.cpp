#include "imatrix.hpp"

#include <gguf.h>

#include <fmt/format.h>

#include <memory>
#include <string_view>

#include <plimsoll/base/error.hpp>

namespace plimsoll::quantize {
namespace {

constexpr std::string_view kSums = ".in_sum2";
constexpr std::string_view kCounts = ".counts";

struct Free {
  void operator()(gguf_context* file) const noexcept { gguf_free(file); }
  void operator()(ggml_context* tensors) const noexcept { ggml_free(tensors); }
};

[[noreturn]] void unfit(const std::string& path, const std::string& why) {
  throw Error(ErrorCode::usage, fmt::format("'{}' is not an importance matrix: {}", path, why));
}

std::string text_at(const gguf_context* file, const char* key) {
  const std::int64_t id = gguf_find_key(file, key);
  return id >= 0 && gguf_get_kv_type(file, id) == GGUF_TYPE_STRING ? gguf_get_val_str(file, id) : "";
}

void read_origin(const gguf_context* file, Imatrix& matrix) {
  if (const std::int64_t id = gguf_find_key(file, "imatrix.chunk_count");
      id >= 0 && gguf_get_kv_type(file, id) == GGUF_TYPE_UINT32) {
    matrix.chunks = gguf_get_val_u32(file, id);
  }
  const std::int64_t id = gguf_find_key(file, "imatrix.datasets");
  if (id < 0 || gguf_get_kv_type(file, id) != GGUF_TYPE_ARRAY || gguf_get_arr_type(file, id) != GGUF_TYPE_STRING)
    return;
  for (std::size_t i = 0; i < gguf_get_arr_n(file, id); ++i)
    matrix.datasets.emplace_back(gguf_get_arr_str(file, id, i));
}

// sums: [columns, matrices], counts: [1, matrices].
std::vector<float> means(const ggml_tensor* sums, const ggml_tensor* counts) {
  const auto columns = static_cast<std::size_t>(sums->ne[0]);
  std::vector<float> values(static_cast<std::size_t>(ggml_nelements(sums)));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float count = static_cast<const float*>(counts->data)[i / columns];
    values[i] = count > 0 ? static_cast<const float*>(sums->data)[i] / count : 1.0F;
  }
  return values;
}

}  // namespace

Imatrix read_imatrix(const std::string& path) {
  ggml_context* made = nullptr;
  const std::unique_ptr<gguf_context, Free> file(gguf_init_from_file(path.c_str(), {.no_alloc = false, .ctx = &made}));
  const std::unique_ptr<ggml_context, Free> tensors(made);
  if (!file)
    unfit(path, "it cannot be read as a GGUF file (matrices in the old format: convert them with llama-imatrix)");
  if (text_at(file.get(), "general.type") != "imatrix") unfit(path, "it is a GGUF file of another kind");

  Imatrix matrix;
  read_origin(file.get(), matrix);
  for (ggml_tensor* sums = ggml_get_first_tensor(made); sums != nullptr; sums = ggml_get_next_tensor(made, sums)) {
    const std::string_view name = ggml_get_name(sums);
    if (!name.ends_with(kSums)) continue;
    const std::string weight(name.substr(0, name.size() - kSums.size()));
    const ggml_tensor* counts = ggml_get_tensor(made, (weight + std::string(kCounts)).c_str());
    const bool whole = counts != nullptr && sums->type == GGML_TYPE_F32 && counts->type == GGML_TYPE_F32 &&
                       ggml_nelements(counts) * sums->ne[0] == ggml_nelements(sums);
    if (!whole) unfit(path, fmt::format("its sums and counts of '{}' do not belong together", weight));
    matrix.values[weight] = means(sums, counts);
  }
  if (matrix.values.empty()) unfit(path, "it says nothing about any weight");
  return matrix;
}

}  // namespace plimsoll::quantize
