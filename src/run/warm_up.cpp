#include "run/warm_up_target.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"

#include "warm_up_steps.hpp"

namespace plimsoll::run {
namespace {

constexpr int kMostSweeps = 6;
constexpr int kQuietSweepsInARow = 2;
// Settling: that many requests in a row within this much of the fastest; not more requests, nor longer, than that.
constexpr int kNearInARow = 3;
constexpr double kNearTheFastest = 1.15;
constexpr int kMostSettlingRequests = 32;
constexpr double kSettlingLimitMs = 3000;

constexpr std::array<std::pair<std::string_view, WarmUpDepth>, 4> kDepths{{{"auto", WarmUpDepth::automatic},
                                                                           {"full", WarmUpDepth::full},
                                                                           {"quick", WarmUpDepth::quick},
                                                                           {"none", WarmUpDepth::none}}};

class Sweeper {
 public:
  Sweeper(const device::Meter& meter, const WarmUpOptions& options, WarmUpReport& report)
      : meter_(meter), options_(options), report_(report) {}

  // Runs the steps again and again until `quiet_needed` sweeps in a row grew nothing. False: they never did.
  bool until_quiet(const std::vector<Step>& steps, int quiet_needed) {
    if (steps.empty()) return true;
    int quiet = 0;
    for (int sweep = 0; sweep < kMostSweeps && quiet < quiet_needed; ++sweep) {
      quiet = once(steps) < kQuiet ? quiet + 1 : 0;
    }
    return quiet >= quiet_needed;
  }

  Bytes once(const std::vector<Step>& steps) {
    ++report_.sweeps;
    Bytes grown;
    for (std::size_t i = 0; i < steps.size(); ++i) grown += step(steps[i].name, steps[i].run, i, steps.size());
    return grown;
  }

  // Runs one step until its time has stopped falling, or for as long as settling may take. The first is near nothing
  // yet, and one that is clearly faster than all before shows that there is still something to wait for.
  void until_steady(const Step& request) {
    const Stopwatch watch;
    double fastest = std::numeric_limits<double>::infinity();
    int near_in_a_row = 0;
    for (int i = 0; i < kMostSettlingRequests && near_in_a_row < kNearInARow && watch.elapsed_ms() < kSettlingLimitMs;
         ++i) {
      (void)step(request.name, request.run, static_cast<std::size_t>(i), kMostSettlingRequests);
      const double ms = report_.steps.back().ms;
      const bool near = ms <= kNearTheFastest * fastest && fastest <= kNearTheFastest * ms;
      near_in_a_row = near ? near_in_a_row + 1 : 0;
      fastest = std::min(fastest, ms);
    }
  }

  Bytes step(const std::string& name, const std::function<void()>& run, std::size_t done, std::size_t of) {
    if (options_.stop.stop_requested()) throw Error(ErrorCode::cancelled, "the warm-up was cancelled");
    WarmUpStep step{.name = name, .sweep = std::max(1, report_.sweeps), .growth = {}, .ms = 0};
    if (options_.progress) options_.progress(step, done, of);
    const auto measured = [&] {
      const device::Meter::Reading before = meter_.read();
      const Stopwatch watch;
      run();
      step.ms = watch.elapsed_ms();
      step.growth = device::growth(before, meter_.read());
    };
    options_.run_step ? options_.run_step(measured) : measured();
    report_.steps.push_back(step);
    return step.growth;
  }

 private:
  const device::Meter& meter_;
  const WarmUpOptions& options_;
  WarmUpReport& report_;
};

bool is_accelerated(const device::Meter& meter) {
  return std::ranges::any_of(meter.memories(), [](const device::DeviceInfo& info) { return !info.id.is_host(); });
}

class WarmUp {
 public:
  WarmUp(WarmUpTarget& target, const device::Meter& meter, const WarmUpOptions& options)
      : target_(target),
        options_(options),
        accelerated_(is_accelerated(meter)),
        shapes_(target, options.outputs, options.stop),
        sweeper_(meter, options, report_) {}

  WarmUpReport run() {
    const Stopwatch watch;
    if (options_.depth == WarmUpDepth::quick) {
      (void)sweeper_.once(shallow(WarmUpDepth::quick));
    } else if (!options_.earlier || options_.depth != WarmUpDepth::automatic || !repeat(*options_.earlier)) {
      full();
    }
    shapes_.clear();
    report_.ms = watch.elapsed_ms();
    return std::move(report_);
  }

 private:
  std::vector<Step> shallow(WarmUpDepth depth) {
    std::vector<Step> steps = shapes_.shallow(depth, accelerated_);
    for (const auto& [name, run] : options_.more) steps.push_back({name, run});
    return steps;
  }

  void full() {
    const std::vector<Step> steps = shallow(WarmUpDepth::full);
    if (!accelerated_) {
      (void)sweeper_.once(steps);
      report_.settled = true;
      report_.reached_depth = true;  // the CPU's buffers do not depend on how full the cache is
      return;
    }
    report_.settled = sweeper_.until_quiet(steps, kQuietSweepsInARow);
    const Bytes before = report_.growth();
    report_.reached_depth = fill();
    if (report_.reached_depth) {
      report_.settled = sweeper_.until_quiet(shapes_.deep(WarmUpDepth::full), kQuietSweepsInARow) && report_.settled;
    }
    report_.depth_growth = report_.growth() - before;
    until_steady();
  }

  // False: something grew that should not have, or was compiled, so that a full one is due.
  bool repeat(const EarlierWarmUp& earlier) {
    const std::vector<Step> steps = shallow(WarmUpDepth::automatic);
    (void)sweeper_.once(steps);
    if (accelerated_) {
      if (earlier.compiling && earlier.compiling()) return false;
      if (sweeper_.once(short_ones(steps)) >= kQuiet) return false;
      if (earlier.grew_at_depth && !repeat_at_depth()) return false;
      until_steady();
    }
    report_.settled = report_.reached_depth = report_.repeated = true;
    return true;
  }

  bool repeat_at_depth() {
    if (!fill()) return false;
    const std::vector<Step> steps = shapes_.deep(WarmUpDepth::automatic);
    (void)sweeper_.once(steps);
    return sweeper_.once(short_ones(steps)) < kQuiet;
  }

  static std::vector<Step> short_ones(std::vector<Step> steps) {
    std::erase_if(steps, [](const Step& step) { return step.is_long; });
    return steps;
  }

  bool fill() {
    bool filled = !target_.facts().has_memory;
    if (!filled) sweeper_.step("filling the context", [&] { filled = shapes_.fill(options_.depth_limit); }, 0, 1);
    return filled;
  }

  void until_steady() {
    if (target_.facts().has_memory) sweeper_.until_steady(shapes_.small_request());
  }

  WarmUpTarget& target_;
  const WarmUpOptions& options_;
  const bool accelerated_;
  WarmUpReport report_;
  Shapes shapes_;
  Sweeper sweeper_;
};

}  // namespace

std::string_view to_string(WarmUpDepth depth) noexcept {
  return std::ranges::find(kDepths, depth, [](const auto& pair) { return pair.second; })->first;
}

std::optional<WarmUpDepth> warm_up_depth_from_string(std::string_view text) noexcept {
  const auto found = std::ranges::find(kDepths, text, [](const auto& pair) { return pair.first; });
  return found == kDepths.end() ? std::nullopt : std::optional(found->second);
}

Bytes WarmUpReport::growth() const {
  Bytes sum;
  for (const WarmUpStep& step : steps) sum += step.growth;
  return sum;
}

WarmUpReport warm_up(WarmUpTarget& target, const device::Meter& meter, const WarmUpOptions& options) {
  if (options.depth == WarmUpDepth::none) return {};
  return WarmUp(target, meter, options).run();
}

}  // namespace plimsoll::run
