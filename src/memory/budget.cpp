#include <plimsoll/memory/budget.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <plimsoll/base/error.hpp>
#include "base/parse_number.hpp"

namespace plimsoll::memory {
namespace {

std::expected<std::variant<Bytes, Percent>, std::string> parse_amount(std::string_view text) {
  if (text.empty() || text.back() != '%') {
    return parse_bytes(text).transform([](Bytes bytes) { return std::variant<Bytes, Percent>{bytes}; });
  }
  const auto percent = parse_number<double>(text.substr(0, text.size() - 1));
  if (!percent || !(*percent > 0 && *percent <= 100)) {
    return std::unexpected(
        fmt::format("'{}' is not a share of a device; write a percentage above 0% and up to 100%", text));
  }
  return Percent{*percent};
}

const BudgetRequest* last_that_names(const std::vector<BudgetRequest>& requests, const device::DeviceInfo& device) {
  const auto found = std::ranges::find_if(requests.rbegin(), requests.rend(), [&](const BudgetRequest& request) {
    return request.device == device.id || request.device == device.memory();
  });
  return found == requests.rend() ? nullptr : &*found;
}

const BudgetRequest* last_general(const std::vector<BudgetRequest>& requests) {
  const auto found = std::ranges::find_if(requests.rbegin(), requests.rend(),
                                          [](const BudgetRequest& request) { return !request.device.has_value(); });
  return found == requests.rend() ? nullptr : &*found;
}

std::optional<Budget> apply(const std::variant<Bytes, Percent>& amount, std::optional<Bytes> total) {
  if (const auto* percent = std::get_if<Percent>(&amount)) {
    if (!total) return std::nullopt;
    // In long double: a double has too few digits for the byte count of a large device.
    const auto bytes = std::floor(static_cast<long double>(total->value()) * percent->value() / 100.0L);
    return Budget{.bytes = Bytes{static_cast<std::uint64_t>(bytes)}};
  }
  const Bytes asked = std::get<Bytes>(amount);
  if (total && asked > *total) return Budget{.bytes = *total, .lowered = true};
  return Budget{.bytes = asked};
}

}  // namespace

std::string contradiction(const Thresholds& thresholds) {
  const bool rise = thresholds.warn > 0 && thresholds.warn <= thresholds.high && thresholds.high <= 1;
  return rise ? "" : "the thresholds must rise: 0 < warn <= high <= 100%";
}

void Percent::throw_out_of_range(double value) {
  throw Error(ErrorCode::usage,
              fmt::format("{} % is not a share of a device: it is above 0 % and at most 100 %", value));
}

std::expected<BudgetRequest, std::string> parse_budget(std::string_view text) {
  BudgetRequest request{.device = std::nullopt, .amount = Bytes{}};
  std::string_view amount = text;
  if (const std::size_t equals = text.find('='); equals != std::string_view::npos) {
    if (equals == 0) return std::unexpected(fmt::format("'{}' names no device before the '='", text));
    request.device = device::DeviceId{std::string(text.substr(0, equals))};
    amount = text.substr(equals + 1);
  }
  constexpr std::string_view kShared = ",shared";
  if (amount.ends_with(kShared)) {
    request.shared = true;
    amount.remove_suffix(kShared.size());
  }
  auto parsed = parse_amount(amount);
  if (!parsed) return std::unexpected(fmt::format("the budget '{}' cannot be read: {}", text, parsed.error()));
  request.amount = *parsed;
  return request;
}

std::optional<Budget> resolve_budget(const std::vector<BudgetRequest>& requests, const device::DeviceInfo& device,
                                     std::optional<Bytes> total) {
  const auto resolved = [&](const std::variant<Bytes, Percent>& amount, bool shared) {
    auto budget = apply(amount, total);
    if (budget) budget->shared = shared;
    return budget;
  };
  if (const BudgetRequest* request = last_that_names(requests, device))
    return resolved(request->amount, request->shared);
  if (device.type == device::DeviceType::cpu || device.id.is_host()) return std::nullopt;
  if (const BudgetRequest* request = last_general(requests)) return resolved(request->amount, request->shared);
  return resolved(kDefaultAcceleratorBudget, true);
}

}  // namespace plimsoll::memory
