// The likeliest text of a length, by forks that share their past: beam_search MODEL.gguf
#include <algorithm>
#include <cmath>
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

struct Beam {
  Conversation conversation;
  double log_probability = 0;
};

struct Step {
  std::size_t beam;
  Token token;
  double log_probability;
};

// The best ways to go on with one beam, by one token.
std::vector<Step> steps(std::size_t index, Beam& beam, std::size_t count) {
  const auto logits = beam.conversation.logits();
  const float largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  std::vector<Step> all;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    all.push_back({index, static_cast<Token>(i), beam.log_probability + logits[i] - largest - std::log(sum)});
  }
  std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(count), std::greater{},
                            &Step::log_probability);
  all.resize(count);
  return all;
}

int main(int, char** argv) {
  constexpr std::size_t kBeams = 4;
  ModelOptions options;
  options.context.n_seq_max = 2 * kBeams;  // the beams that continue, and those they come from
  options.context.kv_unified = true;
  const Model model = Runtime().open(argv[1], options);

  std::vector<Beam> beams;
  beams.push_back({model.conversation()});
  beams.front().conversation.prompt("Day 12.");
  for (int length = 0; length < 16; ++length) {
    model.infer();
    std::vector<Step> all;
    for (std::size_t i = 0; i < beams.size(); ++i)
      std::ranges::copy(steps(i, beams[i], kBeams), std::back_inserter(all));
    std::ranges::sort(all, std::greater{}, &Step::log_probability);
    std::vector<Beam> next;
    for (const Step& step : std::span(all).first(kBeams)) {
      next.push_back({beams[step.beam].conversation.fork(), step.log_probability});
      next.back().conversation.prompt(step.token);
    }
    beams = std::move(next);
  }
  std::cout << "likeliest: " << beams.front().conversation.text() << '\n';
}
