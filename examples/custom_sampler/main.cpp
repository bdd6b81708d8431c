// A link of one's own in a sampler chain: text without the letter e. custom_sampler MODEL
#include <algorithm>
#include <functional>
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

class WithoutE : public engine::CustomSampler {
 public:
  explicit WithoutE(engine::Vocab vocab) : vocab_(vocab) {}
  std::string name() const override { return "without_e"; }
  void apply(engine::Candidates& candidates) override {
    const auto has_e = [&](const auto& one) { return vocab_.piece(one.id).find_first_of("eE") != std::string::npos; };
    const auto dropped = std::ranges::partition(candidates.edit(), std::not_fn(has_e));
    candidates.keep_first(candidates.size() - dropped.size());
  }
  std::unique_ptr<CustomSampler> clone() const override { return std::make_unique<WithoutE>(vocab_); }

 private:
  engine::Vocab vocab_;
};

int main(int, char** argv) {
  run::MemoryAccounting accounting;
  auto model = run::open(accounting, argv[1]);
  const engine::Vocab vocab = model->model()->vocab();
  engine::SamplerChain chain;
  chain.add(std::make_unique<WithoutE>(vocab)).add(engine::SamplerLink::top_k(20)).add(engine::SamplerLink::dist(7));
  auto sampler = engine::Sampler::of(*model->model(), std::move(chain));

  std::vector<engine::Token> next = run::tokenize_prompt(*model->model(), "Day 12.");
  std::string text;
  for (int position = 0, i = 0; i < 40; ++i) {
    engine::Batch batch;
    batch.add_prompt(next, position, 0);
    position += batch.size();
    if (model->decode(batch) != engine::DecodeStatus::ok) return 1;
    next = {sampler.sample(model->context(), -1)};
    if (vocab.is_end_of_generation(next.front())) break;
    text += vocab.piece(next.front());
  }
  std::cout << text << '\n' << (text.find_first_of("eE") == std::string::npos ? "not one e in " : "an e in ");
  std::cout << text.size() << " characters\n";
}
