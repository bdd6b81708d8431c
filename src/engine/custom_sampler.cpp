#include <plimsoll/engine/sampling.hpp>

#include <llama.h>

#include <fmt/format.h>

#include <cstddef>
#include <type_traits>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {
namespace {

// A candidate is the engine's own under our name, so that programs need not see its header.
static_assert(sizeof(Candidate) == sizeof(llama_token_data) && alignof(Candidate) == alignof(llama_token_data));
static_assert(offsetof(Candidate, id) == offsetof(llama_token_data, id));
static_assert(offsetof(Candidate, logit) == offsetof(llama_token_data, logit));
static_assert(offsetof(Candidate, p) == offsetof(llama_token_data, p));
static_assert(std::is_same_v<Token, llama_token> && kNoToken == LLAMA_TOKEN_NULL && kRandomSeed == LLAMA_DEFAULT_SEED);

std::span<Candidate> candidates_of(llama_token_data_array& array) {
  return {reinterpret_cast<Candidate*>(array.data), array.size};
}

}  // namespace

std::size_t Candidates::size() const noexcept { return array_.size; }

bool Candidates::sorted() const noexcept { return array_.sorted; }

std::span<const Candidate> Candidates::view() const noexcept { return candidates_of(array_); }

std::span<Candidate> Candidates::edit() noexcept {
  array_.sorted = false;
  array_.selected = -1;
  return candidates_of(array_);
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
