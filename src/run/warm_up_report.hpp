// What a warm-up is asked for and what it has to say: values, without the engine.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll::run {

// full: every shape, shallow and at full depth. automatic: where this machine has done a full one of the same, one pass
// over the largest shape of each kind and one that sees nothing grow; else, or where something does, full. quick: the
// smallest and the largest shapes, shallow, one sweep. none: nothing. What a shorter one did not reach is what was
// planned for it.
enum class WarmUpDepth { automatic, full, quick, none };
[[nodiscard]] std::string_view to_string(WarmUpDepth depth) noexcept;
[[nodiscard]] std::optional<WarmUpDepth> warm_up_depth_from_string(std::string_view text) noexcept;

struct WarmUpStep {
  std::string name;  // "8 tokens", "8 tokens at depth", "shift" ...
  int sweep = 1;
  Bytes growth;  // what the device's memory grew by while this step ran
  double ms = 0;
};

struct WarmUpReport {
  std::vector<WarmUpStep> steps;  // in the order they ran
  int sweeps = 0;
  bool settled = false;        // the last sweeps grew nothing
  bool reached_depth = false;  // the whole context was filled
  bool repeated = false;       // an earlier full one was relied on
  Bytes depth_growth{};        // of growth(): what came with the filled context
  double ms = 0;
  [[nodiscard]] Bytes growth() const;
  // Everything was seen, now or by the earlier one. What was measured replaces an estimate where it was now.
  [[nodiscard]] bool complete() const noexcept { return settled && reached_depth; }
};

// What is known of a full warm-up of the same that this machine has done before.
struct EarlierWarmUp {
  bool grew_at_depth = false;         // filling the context made a backend take more
  std::function<bool()> compiling{};  // whether a driver has compiled since: then nothing of it counts
};

struct WarmUpOptions {
  WarmUpDepth depth = WarmUpDepth::automatic;
  // For an automatic one. Instance::warm_up() asks its store.
  std::optional<EarlierWarmUp> earlier{};
  // Rows of logits the model must be able to answer with at once; those that were planned.
  std::uint32_t outputs = 1;
  // Filling the whole context may cost at most this; beyond it the deep shapes are left out.
  std::chrono::milliseconds depth_limit = std::chrono::seconds(60);
  // Steps of the caller's own, in each sweep of the shallow ones: name and what to run.
  std::vector<std::pair<std::string, std::function<void()>>> more{};
  // Told before each step: its name, and how many steps of this sweep are done.
  std::function<void(const WarmUpStep& next, std::size_t done, std::size_t of)> progress{};
  std::stop_token stop{};
  // Runs each step, e.g. on another thread. Empty: here.
  std::function<void(const std::function<void()>&)> run_step{};
};

// A sweep counts as quiet when the device's memory grew by less than this: below it lies the noise of the process's own
// allocator where the device's memory is the host's (measured 2026-11, llvmpipe: settled sweeps grew 0 to 4 KiB).
inline constexpr Bytes kQuiet{512U << 10U};

}  // namespace plimsoll::run
