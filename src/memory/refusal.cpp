#include <plimsoll/memory/refusal.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace plimsoll::memory {
namespace {

// Three names are enough for a sentence; the value has the rest.
constexpr std::size_t kNamed = 3;

std::string holders(const std::vector<Entry>& largest) {
  std::string text;
  for (std::size_t i = 0; i < std::min(kNamed, largest.size()); ++i) {
    const Entry& entry = largest[i];
    text += fmt::format("{}'{}' {} {}", i == 0 ? "" : ", ", entry.tag.owner,
                        format_bytes(std::max(entry.planned, entry.taken.current)), to_string(entry.tag.stage));
  }
  return text.empty() ? "" : "; most is held by " + text;
}

std::string why(const Refusal& refusal) {
  const std::string available = format_bytes(refusal.available.value_or(Bytes{}));
  const std::string limit = format_bytes(refusal.limit.value_or(Bytes{}));
  switch (refusal.by) {
    case RefusedBy::budget:
      return fmt::format("{} are left within the budget of {}", available, limit);
    case RefusedBy::seal:
      return fmt::format("it is sealed, and {} of the {} that it has reserved there are left", available, limit);
    case RefusedBy::others:
      if (refusal.limit)
        return fmt::format("{} of the {} that all Plimsoll processes share there are left ('plimsoll ps' lists them)",
                           available, limit);
      return fmt::format("{} are left there beside what other processes are promised ({}; 'plimsoll ps' lists them)",
                         available, format_bytes(refusal.promised.value_or(Bytes{})));
    case RefusedBy::device:
      break;
  }
  return "the device has no such memory left";
}

Error::Numbers numbers_of(const Refusal& refusal) {
  Error::Numbers numbers{{"requested", refusal.requested.value()}};
  if (refusal.available) numbers.emplace_back("available", refusal.available->value());
  if (refusal.promised) numbers.emplace_back("promised_to_others", refusal.promised->value());
  if (refusal.limit) numbers.emplace_back("limit", refusal.limit->value());
  return numbers;
}

}  // namespace

ErrorCode code_of(RefusedBy by) noexcept {
  switch (by) {
    case RefusedBy::budget:
      return ErrorCode::over_budget;
    case RefusedBy::seal:
      return ErrorCode::sealed;
    case RefusedBy::device:
    case RefusedBy::others:
      break;
  }
  return ErrorCode::out_of_device_memory;
}

std::string to_sentence(const Refusal& refusal) {
  const std::string_view stage = refusal.stage ? to_string(*refusal.stage) : "memory";
  return fmt::format("'{}' asked for {} of {} on {}: {}{}", refusal.owner, format_bytes(refusal.requested), stage,
                     refusal.device.name(), why(refusal), holders(refusal.largest));
}

Refused::Refused(Refusal refusal, std::string_view doing)
    : Error(code_of(refusal.by),
            doing.empty() ? to_sentence(refusal) : fmt::format("{} failed: {}", doing, to_sentence(refusal)),
            numbers_of(refusal)),
      refusal_(std::move(refusal)) {}

}  // namespace plimsoll::memory
