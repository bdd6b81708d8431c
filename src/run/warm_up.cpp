#include <plimsoll/run/warm_up.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <plimsoll/base/clock.hpp>
#include <plimsoll/base/error.hpp>

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

constexpr std::array<std::pair<std::string_view, WarmUpDepth>, 3> kDepths{
    {{"full", WarmUpDepth::full}, {"quick", WarmUpDepth::quick}, {"none", WarmUpDepth::none}}};

class Sweeper {
 public:
  Sweeper(const gauge::Meter& meter, const WarmUpOptions& options, WarmUpReport& report)
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
      const gauge::Meter::Reading before = meter_.read();
      const Stopwatch watch;
      run();
      step.ms = watch.elapsed_ms();
      step.growth = gauge::growth(before, meter_.read());
    };
    options_.in_turn ? options_.in_turn(measured) : measured();
    report_.steps.push_back(step);
    return step.growth;
  }

 private:
  const gauge::Meter& meter_;
  const WarmUpOptions& options_;
  WarmUpReport& report_;
};

bool is_accelerated(const gauge::Meter& meter) {
  return std::ranges::any_of(meter.memories(), [](const device::DeviceInfo& info) { return !info.id.is_host(); });
}

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

WarmUpReport warm_up(engine::Context& context, const gauge::Meter& meter, const WarmUpOptions& options) {
  WarmUpReport report;
  if (options.depth == WarmUpDepth::none) return report;
  const Stopwatch watch;
  Shapes shapes(context, options.outputs, options.stop);
  Sweeper sweeper(meter, options, report);
  const bool accelerated = is_accelerated(meter);
  std::vector<Step> shallow = shapes.shallow(options.depth, accelerated);
  for (const auto& [name, run] : options.more) shallow.push_back({name, run});
  if (options.depth == WarmUpDepth::quick) {
    (void)sweeper.once(shallow);
  } else if (!accelerated) {
    (void)sweeper.once(shallow);
    report.settled = true;
    report.reached_depth = true;  // the CPU's buffers do not depend on how full the cache is
  } else {
    report.settled = sweeper.until_quiet(shallow, kQuietSweepsInARow);
    bool filled = !context.facts().has_memory;
    if (!filled) sweeper.step("filling the context", [&] { filled = shapes.fill(options.depth_limit); }, 0, 1);
    report.reached_depth = filled;
    if (filled) report.settled = sweeper.until_quiet(shapes.deep(), kQuietSweepsInARow) && report.settled;
    if (context.facts().has_memory) sweeper.until_steady(shapes.small_request());
  }
  shapes.clear();
  report.ms = watch.elapsed_ms();
  return report;
}

}  // namespace plimsoll::run
