#include "guard/settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>

#include <plimsoll/base/error.hpp>

namespace plimsoll::guard {
namespace {

constexpr const char* kBudget = "PLIMSOLL_GUARD_BUDGET";
constexpr const char* kName = "PLIMSOLL_GUARD_NAME";
constexpr const char* kWarmUp = "PLIMSOLL_GUARD_WARM_UP";
constexpr const char* kSeal = "PLIMSOLL_GUARD_SEAL";
constexpr const char* kReport = "PLIMSOLL_GUARD_REPORT";
constexpr const char* kAnyEngine = "PLIMSOLL_GUARD_ANY_ENGINE";
constexpr const char* kQuiet = "PLIMSOLL_GUARD_QUIET";
constexpr const char* kProcess = "PLIMSOLL_GUARD_PROCESS";

constexpr char kBetweenGuards = '|';
constexpr char kBetweenBudgets = ',';
constexpr std::string_view kShared = "shared";

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(at);
    if (const std::string_view part = text.substr(0, end); !part.empty()) parts.push_back(part);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return parts;
}

bool is_on(const std::optional<std::string>& text) { return text && !text->empty() && *text != "0"; }

std::string of_variable(const char* name, std::string_view problem) { return fmt::format("{}: {}", name, problem); }

std::string no_such(std::string_view what, std::string_view text, std::string_view known) {
  return fmt::format("there is no {} '{}'; there are {}", what, text, known);
}

constexpr std::string_view kDepths = "auto, full, quick, none";
constexpr std::string_view kSeals = "refuse, count";

[[noreturn]] void usage_error(const std::string& sentence) { throw Error(ErrorCode::usage, sentence); }

}  // namespace

std::string_view to_string(SealMode mode) noexcept { return mode == SealMode::refuse ? "refuse" : "count"; }

std::optional<SealMode> seal_mode_from_string(std::string_view text) noexcept {
  if (text == "refuse") return SealMode::refuse;
  if (text == "count") return SealMode::count;
  return std::nullopt;
}

std::optional<std::string> process_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::expected<std::vector<memory::BudgetRequest>, std::string> parse_budgets(std::string_view text) {
  std::vector<memory::BudgetRequest> budgets;
  for (const std::string_view part : split(text, kBetweenBudgets)) {
    if (part == kShared && !budgets.empty()) {  // "CPU=16GiB,shared" is one budget
      budgets.back().shared = true;
      continue;
    }
    auto budget = memory::parse_budget(part);
    if (!budget) return std::unexpected(std::move(budget.error()));
    budgets.push_back(std::move(*budget));
  }
  return budgets;
}

std::expected<Settings, std::string> read_settings(const Environment& environment) {
  Settings settings;
  for (const std::string_view guard : split(environment(kBudget).value_or(""), kBetweenGuards)) {
    auto budgets = parse_budgets(guard);
    if (!budgets) return std::unexpected(of_variable(kBudget, budgets.error()));
    settings.budgets.push_back(std::move(*budgets));
  }
  if (const auto text = environment(kWarmUp); text && !text->empty()) {
    const auto depth = run::warm_up_depth_from_string(*text);
    if (!depth) return std::unexpected(of_variable(kWarmUp, no_such("warm-up", *text, kDepths)));
    settings.warm_up = *depth;
  }
  if (const auto text = environment(kSeal); text && !text->empty()) {
    const auto mode = seal_mode_from_string(*text);
    if (!mode) return std::unexpected(of_variable(kSeal, no_such("seal", *text, kSeals)));
    settings.seal = *mode;
  }
  settings.name = environment(kName).value_or("");
  settings.report = environment(kReport).value_or("");
  settings.any_engine = is_on(environment(kAnyEngine));
  settings.quiet = is_on(environment(kQuiet));
  const std::string process = environment(kProcess).value_or("");
  (void)std::from_chars(process.data(), process.data() + process.size(), settings.first_process);
  return settings;
}

std::vector<std::pair<std::string, std::string>> variables_for(const Wishes& wishes, const Environment& environment) {
  std::vector<std::pair<std::string, std::string>> out;
  if (!wishes.budgets.empty()) {
    for (const std::string& budget : wishes.budgets) {
      if (auto parsed = parse_budgets(budget); !parsed) usage_error(parsed.error());
    }
    const std::string own = fmt::format("{}", fmt::join(wishes.budgets, std::string_view(&kBetweenBudgets, 1)));
    const std::string outer = environment(kBudget).value_or("");
    out.emplace_back(kBudget, outer.empty() ? own : outer + kBetweenGuards + own);
  }
  if (!wishes.warm_up.empty()) {
    if (!run::warm_up_depth_from_string(wishes.warm_up)) usage_error(no_such("warm-up", wishes.warm_up, kDepths));
    out.emplace_back(kWarmUp, wishes.warm_up);
  }
  if (!wishes.seal.empty()) {
    const auto mode = seal_mode_from_string(wishes.seal);
    if (!mode) usage_error(no_such("seal", wishes.seal, kSeals));
    const bool stays_refusing = environment(kSeal) == std::string(to_string(SealMode::refuse));
    out.emplace_back(kSeal, stays_refusing ? to_string(SealMode::refuse) : wishes.seal);
  }
  if (!wishes.name.empty()) out.emplace_back(kName, wishes.name);
  if (!wishes.report.empty()) {
    // The program may change its folder.
    out.emplace_back(kReport, std::filesystem::absolute(wishes.report).string());
  }
  if (wishes.any_engine) out.emplace_back(kAnyEngine, "1");
  if (wishes.quiet) out.emplace_back(kQuiet, "1");
  out.emplace_back(kProcess, std::to_string(getpid()));
  return out;
}

}  // namespace plimsoll::guard
