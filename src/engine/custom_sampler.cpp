#include "engine/custom_sampler.hpp"

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {

std::span<llama_token_data> Candidates::edit() noexcept {
  array_.sorted = false;
  array_.selected = -1;
  return {array_.data, array_.size};
}

void Candidates::keep_first(std::size_t n) {
  if (n == 0 || n > array_.size)
    throw Error(ErrorCode::usage, fmt::format("of {} candidates {} cannot be kept", array_.size, n));
  array_.size = n;
  array_.selected = -1;
}

void Candidates::select(std::size_t index) {
  if (index >= array_.size)
    throw Error(ErrorCode::usage, fmt::format("of {} candidates number {} cannot be chosen", array_.size, index));
  array_.selected = static_cast<std::int64_t>(index);
}

std::optional<std::size_t> Candidates::selected() const noexcept {
  if (array_.selected < 0) return std::nullopt;
  return static_cast<std::size_t>(array_.selected);
}

}  // namespace plimsoll::engine
