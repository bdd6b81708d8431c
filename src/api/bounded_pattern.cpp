#include "bounded_pattern.hpp"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <plimsoll/base/error.hpp>

namespace plimsoll::api {
namespace {

constexpr std::uint32_t kMostSteps = 200'000;
constexpr std::uint32_t kMostDepth = 10'000;
constexpr std::uint32_t kMostHeap = 16'384;  // KiB
constexpr std::size_t kLongest = 16'384;     // of a pattern
constexpr std::uint32_t kOptions =
    PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALLOW_EMPTY_CLASS;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* thing) const noexcept {
    Free(thing);
  }
};
using Code = std::unique_ptr<pcre2_code, Freed<&pcre2_code_free>>;
using Data = std::unique_ptr<pcre2_match_data, Freed<&pcre2_match_data_free>>;
using Limits = std::unique_ptr<pcre2_match_context, Freed<&pcre2_match_context_free>>;
using Rules = std::unique_ptr<pcre2_compile_context, Freed<&pcre2_compile_context_free>>;

PCRE2_SPTR bytes(const std::string& text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

struct BoundedPattern::Compiled {
  Code code;
  Data data;
  Limits limits;
};

BoundedPattern::BoundedPattern(const std::string& pattern) : compiled_(std::make_unique<Compiled>()) {
  const Rules rules(pcre2_compile_context_create(nullptr));
  pcre2_set_max_pattern_length(rules.get(), kLongest);
  pcre2_set_max_pattern_compiled_length(rules.get(), kLongest * 64);
  int error = 0;
  PCRE2_SIZE at = 0;
  compiled_->code.reset(pcre2_compile(bytes(pattern), pattern.size(), kOptions, &error, &at, rules.get()));
  if (!compiled_->code) throw Error(ErrorCode::usage, fmt::format("it cannot be read at its character {}", at));
  compiled_->data.reset(pcre2_match_data_create_from_pattern(compiled_->code.get(), nullptr));
  compiled_->limits.reset(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(compiled_->limits.get(), kMostSteps);
  pcre2_set_depth_limit(compiled_->limits.get(), kMostDepth);
  pcre2_set_heap_limit(compiled_->limits.get(), kMostHeap);
}

BoundedPattern::~BoundedPattern() = default;
BoundedPattern::BoundedPattern(BoundedPattern&&) noexcept = default;
BoundedPattern& BoundedPattern::operator=(BoundedPattern&&) noexcept = default;

std::optional<bool> BoundedPattern::matches(const std::string& utf8) const {
  const int found = pcre2_match(compiled_->code.get(), bytes(utf8), utf8.size(), 0, 0, compiled_->data.get(),
                                compiled_->limits.get());
  if (found >= 0) return true;
  return found == PCRE2_ERROR_NOMATCH ? std::optional(false) : std::nullopt;
}

}  // namespace plimsoll::api
