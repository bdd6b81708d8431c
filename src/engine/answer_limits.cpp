#include "engine/answer_limits.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

class LeastTokens final : public CustomSampler {
 public:
  LeastTokens(std::vector<Token> ends, std::uint32_t tokens) : ends_(std::move(ends)), tokens_(tokens) {}

  [[nodiscard]] std::string name() const override { return "least-tokens"; }

  void apply(Candidates& candidates) override {
    begun_ = true;
    if (seen_ >= tokens_) return;
    for (Candidate& one : candidates.edit()) {
      if (std::ranges::binary_search(ends_, one.id)) one.logit = kNever;
    }
  }

  void accept(Token /*token*/) override {
    if (begun_) ++seen_;
  }
  void reset() override {
    begun_ = false;
    seen_ = 0;
  }
  [[nodiscard]] std::unique_ptr<CustomSampler> clone() const override { return std::make_unique<LeastTokens>(*this); }

 private:
  std::vector<Token> ends_;  // rising
  std::uint32_t tokens_;
  bool begun_ = false;
  std::uint32_t seen_ = 0;
};

class LimitedThought final : public CustomSampler {
 public:
  LimitedThought(Vocab vocab, ThoughtLimit limit)
      : vocab_(vocab), limit_(std::move(limit)), end_(vocab.tokenize(limit_.end, false, true)) {
    reset();
  }

  [[nodiscard]] std::string name() const override { return "thought-limit"; }

  void apply(Candidates& candidates) override {
    begun_ = true;
    if (!must_end()) return;
    for (Candidate& one : candidates.edit()) {
      if (one.id != end_[written_]) one.logit = kNever;
    }
  }

  void accept(Token token) override {
    if (!begun_ || place_ == Place::over) return;
    if (must_end() && token == end_[written_]) {
      if (++written_ == end_.size()) place_ = Place::over;
      return;
    }
    const bool thought = place_ == Place::inside;
    said_ += vocab_.piece(token, true);
    if (thought) ++tokens_;
    look_for_marks();
  }

  void reset() override {
    begun_ = false;
    place_ = limit_.is_open ? Place::inside : Place::before;
    said_.clear();
    tokens_ = 0;
    written_ = 0;
  }
  [[nodiscard]] std::unique_ptr<CustomSampler> clone() const override {
    return std::make_unique<LimitedThought>(*this);
  }

 private:
  enum class Place { before, inside, over };

  [[nodiscard]] bool must_end() const { return place_ == Place::inside && tokens_ >= limit_.tokens && !end_.empty(); }

  // Thoughts stand in front of an answer, or not at all.
  void look_for_marks() {
    if (place_ == Place::before) {
      const std::size_t first = said_.find_first_not_of(" \t\r\n");
      if (first == std::string::npos) return;
      const std::string_view begun = std::string_view(said_).substr(first);
      if (begun.starts_with(limit_.begin)) {
        place_ = Place::inside;
        said_.erase(0, first + limit_.begin.size());
      } else if (!std::string_view(limit_.begin).starts_with(begun)) {
        place_ = Place::over;
      }
    }
    if (place_ == Place::inside && said_.contains(limit_.end)) place_ = Place::over;
  }

  Vocab vocab_;
  ThoughtLimit limit_;
  std::vector<Token> end_;
  bool begun_ = false;
  Place place_ = Place::before;
  std::string said_;  // since the beginning of the answer, then of the thought
  std::int32_t tokens_ = 0;
  std::size_t written_ = 0;  // of end_
};

}  // namespace

std::unique_ptr<CustomSampler> make_least_tokens(const Model& model, std::uint32_t tokens) {
  std::vector<Token> ends;
  const Vocab vocab = model.vocab();
  for (Token token = 0; token < vocab.n_tokens(); ++token) {
    if (vocab.is_end_of_generation(token)) ends.push_back(token);
  }
  return std::make_unique<LeastTokens>(std::move(ends), tokens);
}

std::unique_ptr<CustomSampler> make_thought_limit(const Model& model, const ThoughtLimit& limit) {
  if (!model.vocab().present()) throw Error(ErrorCode::unsupported, "a limit of thoughts needs a vocabulary");
  return std::make_unique<LimitedThought>(model.vocab(), limit);
}

}  // namespace plimsoll::engine
