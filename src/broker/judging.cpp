#include "judging.hpp"

#include <algorithm>
#include <limits>

namespace plimsoll::broker {
namespace {

// What stands in a shared file may be anything.
std::uint64_t plus(std::uint64_t a, std::uint64_t b) noexcept {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max() : a + b;
}
std::uint64_t minus(std::uint64_t a, std::uint64_t b) noexcept { return a > b ? a - b : 0; }

}  // namespace

std::uint64_t not_in_reading(const Number& now, const std::optional<Before>& before) noexcept {
  if (!before || now.given < before->given) return now.reserved;
  const std::uint64_t taken_before = minus(before->placed, before->given);
  const std::uint64_t surely_in_it = minus(taken_before, now.given - before->given);
  return minus(now.reserved, surely_in_it);
}

Sums sums_of(std::span<const Standing> standings) noexcept {
  Sums sums;
  for (const Standing& one : standings) {
    if (one.is_dead) {
      sums.coming_back = plus(sums.coming_back, taken(one.now));
      continue;
    }
    const std::uint64_t promised = not_in_reading(one.now, one.before);
    sums.promised = plus(sums.promised, promised);
    sums.reserved = plus(sums.reserved, one.now.reserved);
    if (one.is_own) {
      sums.promised_to_own = plus(sums.promised_to_own, promised);
      sums.reserved_by_own = plus(sums.reserved_by_own, one.now.reserved);
      continue;
    }
    sums.taken_by_others = plus(sums.taken_by_others, taken(one.now));
    if (one.now.asking > 0) {
      sums.asking = plus(sums.asking, one.now.asking);
      sums.first_asker = std::min(one.slot, sums.first_asker.value_or(one.slot));
    }
    if (one.expects_first) sums.expected = plus(sums.expected, one.now.expecting);
  }
  return sums;
}

std::uint64_t promised_to_others(const Sums& sums) noexcept {
  return plus(plus(minus(sums.promised, sums.promised_to_own), sums.asking), sums.expected);
}

std::uint64_t reserved_by_others(const Sums& sums) noexcept {
  return plus(plus(minus(sums.reserved, sums.reserved_by_own), sums.asking), sums.expected);
}

Judgement judge(const Want& want, const Sums& sums) noexcept {
  constexpr std::uint64_t kNoEnd = std::numeric_limits<std::uint64_t>::max();
  const auto left = [&](std::uint64_t asking) {
    const std::uint64_t asked = plus(asking, sums.expected);
    const std::uint64_t free = want.free ? minus(want.free->value(), plus(sums.promised, asked)) : kNoEnd;
    const std::uint64_t held = plus(plus(sums.reserved, sums.coming_back), asked);
    const std::uint64_t under_limit = want.limit ? minus(want.limit->value(), held) : kNoEnd;
    return std::pair(free, under_limit);
  };
  const auto is_enough = [&](const auto& amounts) {
    return want.more.value() <= std::min(amounts.first, amounts.second);
  };
  const auto now = left(sums.asking);
  if (want.more == Bytes{} || is_enough(now)) return {};
  Judgement out{.verdict = is_enough(left(0)) ? Verdict::contested : Verdict::short_of};
  out.why = {.account = want.account,
             .requested = want.more,
             .available = Bytes{std::min(now.first, now.second)},
             .promised = Bytes{promised_to_others(sums)},
             .coming_back = Bytes{sums.coming_back},
             .by_limit = now.second < now.first};
  return out;
}

}  // namespace plimsoll::broker
