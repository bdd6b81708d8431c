#include "monitor/pace.hpp"

#include <algorithm>

namespace plimsoll::monitor {
namespace {

const host::ModelStatus* status_of(const Sample& sample, const std::string& model) {
  const auto found = std::ranges::find(sample.models, model, [](const ModelSample& at) { return at.status.name; });
  return found == sample.models.end() ? nullptr : &found->status;
}

std::optional<double> rate(std::uint64_t before, std::uint64_t after, double seconds) {
  if (after < before) return std::nullopt;
  return static_cast<double>(after - before) / seconds;
}

}  // namespace

Pace rates_between(const Sample& before, const Sample& after, const std::string& model) {
  const host::ModelStatus* first = status_of(before, model);
  const host::ModelStatus* last = status_of(after, model);
  const double seconds = std::chrono::duration<double>(after.at - before.at).count();
  if (first == nullptr || last == nullptr || seconds <= 0) return {};
  // The last token of an answer need not be computed: answers may be ahead of what was.
  const auto prompts = [](const host::ModelStatus& at) { return at.tokens - std::min(at.tokens, at.generated); };
  return {.tokens_per_second = rate(first->generated, last->generated, seconds),
          .prompt_tokens_per_second = last->tokens < first->tokens
                                          ? std::nullopt
                                          : rate(std::min(prompts(*first), prompts(*last)), prompts(*last), seconds),
          .first_token_ms = std::nullopt};
}

std::optional<double> mean_first_token_ms(const Sample& before, const Sample& after, const std::string& model) {
  const host::ModelStatus* first = status_of(before, model);
  const host::ModelStatus* last = status_of(after, model);
  if (first == nullptr || last == nullptr || last->first_tokens <= first->first_tokens) return std::nullopt;
  const auto count = static_cast<double>(last->first_tokens - first->first_tokens);
  return (last->total_first_token_ms - first->total_first_token_ms) / count;
}

}  // namespace plimsoll::monitor
