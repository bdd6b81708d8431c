// Settings: what a guard is asked for. They reach the preloaded library as variables of the environment, so that the
// program's children have them, too.
#pragma once
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <plimsoll/memory/budget.hpp>
#include "run/warm_up_report.hpp"

namespace plimsoll::guard {

// What becomes of an allocation on a card, beyond what its context holds, once that is ready.
enum class SealMode {
  refuse,  // refused, where everything was seen before
  count,   // counted and told; the budget still holds
};
[[nodiscard]] std::string_view to_string(SealMode mode) noexcept;
[[nodiscard]] std::optional<SealMode> seal_mode_from_string(std::string_view text) noexcept;

struct Settings {
  // What was asked for, of each guard around the program: the tightest budget holds.
  std::vector<std::vector<memory::BudgetRequest>> budgets{};
  std::string name{};  // what the program is called in lines and reports; empty: by its file
  run::WarmUpDepth warm_up = run::WarmUpDepth::automatic;
  SealMode seal = SealMode::refuse;
  std::string report{};     // file; empty: none
  bool any_engine = false;  // guard engines of versions that are not known, too
  bool quiet = false;       // say nothing but what was refused
  int first_process = 0;    // the one that was started; its children are others
};

// A variable's value; empty: not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;
[[nodiscard]] std::optional<std::string> process_environment(const char* name);

// The error is a sentence that names the variable.
[[nodiscard]] std::expected<Settings, std::string> read_settings(const Environment& environment);

// One guard's budgets, as they are written: "Vulkan0=8GiB,90%". The error is a sentence.
[[nodiscard]] std::expected<std::vector<memory::BudgetRequest>, std::string> parse_budgets(std::string_view text);

// What a started guard adds to its environment. A variable that is not named keeps its value.
struct Wishes {
  std::vector<std::string> budgets{};
  std::string name{};
  std::string warm_up{};
  std::string seal{};
  std::string report{};
  bool any_engine = false;
  bool quiet = false;
};
// Throws Error{usage} with a sentence for every value that means nothing. What an outer guard demands stays demanded.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> variables_for(const Wishes& wishes,
                                                                             const Environment& environment);

}  // namespace plimsoll::guard
