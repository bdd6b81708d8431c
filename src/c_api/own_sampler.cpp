#include "own_sampler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>

namespace plimsoll::c_api {
namespace {

// A program's candidate is the engine's own under C's name.
static_assert(sizeof(plimsoll_candidate) == sizeof(Candidate) && alignof(plimsoll_candidate) == alignof(Candidate));
static_assert(offsetof(plimsoll_candidate, token) == offsetof(Candidate, id));
static_assert(offsetof(plimsoll_candidate, logit) == offsetof(Candidate, logit));
static_assert(offsetof(plimsoll_candidate, p) == offsetof(Candidate, p));
static_assert(std::is_same_v<Token, std::int32_t>);

[[noreturn]] void broken(const std::string& what) {
  throw Error(ErrorCode::usage, "the sampler of one's own: " + what);
}

// The tokens that a callback was given, each as often as it was there.
class GivenTokens {
 public:
  void note(std::span<const Candidate> candidates) {
    for (const Candidate& one : candidates) {
      const auto token = static_cast<std::size_t>(one.id);
      if (token >= there_.size()) there_.resize(token + 1);
      there_[token] = true;
    }
  }
  // Takes it away; false: it was not there.
  [[nodiscard]] bool take(Token token) {
    if (token < 0 || std::cmp_greater_equal(token, there_.size()) || !there_[static_cast<std::size_t>(token)])
      return false;
    there_[static_cast<std::size_t>(token)] = false;
    return true;
  }
  void forget() { there_.assign(there_.size(), false); }

 private:
  std::vector<bool> there_;
};

class FunctionSampler final : public CustomSampler {
 public:
  FunctionSampler(const SamplerFunctions& functions, CallbackRun& run) : functions_(functions), run_(&run) {}

  [[nodiscard]] std::string name() const override { return "callback"; }

  void apply(Candidates& candidates) override {
    if (functions_.sample == nullptr) return;
    given_.forget();
    given_.note(candidates.view());
    const bool sorted = candidates.sorted();
    const std::span<Candidate> all = candidates.edit();
    plimsoll_candidates lent{.size = sizeof(plimsoll_candidates),
                             .sorted = sorted,
                             .list = reinterpret_cast<plimsoll_candidate*>(all.data()),
                             .count = all.size(),
                             .selected = -1};
    run_->run([&] { return functions_.sample(functions_.user_data, &lent); });
    if (run_->has_failed()) throw Error(ErrorCode::cancelled, "a callback ended the generation");
    take_over(lent, candidates, all);
  }

  void accept(Token token) override {
    if (functions_.accept == nullptr) return;
    run_->run([&] {
      functions_.accept(functions_.user_data, token);
      return 0;
    });
  }

  [[nodiscard]] std::unique_ptr<CustomSampler> clone() const override {
    return std::make_unique<FunctionSampler>(functions_, *run_);
  }

 private:
  void take_over(const plimsoll_candidates& left, Candidates& candidates, std::span<Candidate> all) {
    if (left.list != reinterpret_cast<plimsoll_candidate*>(all.data()))
      broken("its list of candidates is another one; it is changed where it stands");
    if (left.count == 0 || left.count > all.size())
      broken(fmt::format("of {} candidates it left {}", all.size(), left.count));
    if (left.selected < -1 || (left.selected >= 0 && std::cmp_greater_equal(left.selected, left.count)))
      broken(fmt::format("of {} candidates it chose number {}", left.count, left.selected));
    require_sound(all.first(left.count));
    candidates.keep_first(left.count);
    if (left.selected >= 0) candidates.select(static_cast<std::size_t>(left.selected));
  }

  void require_sound(std::span<const Candidate> left) {
    float largest = -std::numeric_limits<float>::infinity();
    for (const Candidate& one : left) {
      if (!given_.take(one.id))
        broken(fmt::format("token {} was not among its candidates, or stands there twice", one.id));
      if (std::isnan(one.logit) || one.logit == std::numeric_limits<float>::infinity())
        broken(fmt::format("the logit of token {} is not a number", one.id));
      largest = std::max(largest, one.logit);
    }
    if (largest == -std::numeric_limits<float>::infinity()) broken("every token that it left is forbidden");
  }

  SamplerFunctions functions_;
  CallbackRun* run_;
  GivenTokens given_;
};

}  // namespace

std::shared_ptr<CustomSampler> own_sampler(const SamplerFunctions& functions, CallbackRun& run) {
  return std::make_shared<FunctionSampler>(functions, run);
}

}  // namespace plimsoll::c_api
