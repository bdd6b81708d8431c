// A link of one's own in a sampler chain: text without the letter e. custom_sampler MODEL
#include <algorithm>
#include <array>
#include <functional>
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

class WithoutE : public CustomSampler {
 public:
  explicit WithoutE(Model model) : model_(std::move(model)) {}
  std::string name() const override { return "without_e"; }
  void apply(Candidates& candidates) override {
    const auto has_e = [&](const Candidate& one) {
      return model_.text_of(std::array{one.id}).find_first_of("eE") != std::string::npos;
    };
    const auto dropped = std::ranges::partition(candidates.edit(), std::not_fn(has_e));
    candidates.keep_first(candidates.size() - dropped.size());
  }
  std::unique_ptr<CustomSampler> clone() const override { return std::make_unique<WithoutE>(model_); }

 private:
  Model model_;
};

int main(int, char** argv) {
  const Model model = Runtime().open(argv[1]);
  const auto sampler =
      std::make_shared<Sampler>(model, SamplingParams{.seed = 7, .top_k = 20}, std::make_unique<WithoutE>(model));
  const std::string text = model.generate("Day 12.", {.predict = 40, .sampler = sampler}).read_all();
  std::cout << text << '\n' << (text.find_first_of("eE") == std::string::npos ? "not one e in " : "an e in ");
  std::cout << text.size() << " characters\n";
}
