#include "engine/answer_limits.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

template <class Which>
void forbid(llama_token_data_array& candidates, Which&& which) {
  for (llama_token_data& one : std::span(candidates.data, candidates.size)) {
    if (which(one.id)) one.logit = kNever;
  }
  candidates.sorted = false;
  candidates.selected = -1;
}

class LeastTokens final : public OwnSampler {
 public:
  LeastTokens(std::vector<Token> ends, std::uint32_t tokens) : ends_(std::move(ends)), tokens_(tokens) {}

  void apply(llama_token_data_array& candidates, std::uint32_t /*draw*/) override {
    if (seen_ >= tokens_) return;
    forbid(candidates, [this](Token token) { return std::ranges::binary_search(ends_, token); });
  }

  void accept(Token /*token*/, bool chosen) override {
    if (chosen) ++seen_;
  }
  void reset() override { seen_ = 0; }
  [[nodiscard]] std::unique_ptr<OwnSampler> clone() const override { return std::make_unique<LeastTokens>(*this); }

 private:
  std::vector<Token> ends_;  // rising
  std::uint32_t tokens_;
  std::uint32_t seen_ = 0;
};

class LimitedThought final : public OwnSampler {
 public:
  LimitedThought(Vocab vocab, ThoughtLimit limit)
      : vocab_(vocab), limit_(std::move(limit)), end_(vocab.tokenize(limit_.end, false, true)) {
    reset();
  }

  void apply(llama_token_data_array& candidates, std::uint32_t /*draw*/) override {
    if (!must_end()) return;
    forbid(candidates, [this](Token token) { return token != end_[written_]; });
  }

  void accept(Token token, bool chosen) override {
    if (!chosen || place_ == Place::over) return;
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
    place_ = limit_.is_open ? Place::inside : Place::before;
    said_.clear();
    tokens_ = 0;
    written_ = 0;
  }
  [[nodiscard]] std::unique_ptr<OwnSampler> clone() const override { return std::make_unique<LimitedThought>(*this); }

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
  Place place_ = Place::before;
  std::string said_;  // since the beginning of the answer, then of the thought
  std::int32_t tokens_ = 0;
  std::size_t written_ = 0;  // of end_
};

}  // namespace

std::unique_ptr<OwnSampler> make_least_tokens(const Model& model, std::uint32_t tokens) {
  std::vector<Token> ends;
  const Vocab vocab = model.vocab();
  for (Token token = 0; token < vocab.n_tokens(); ++token) {
    if (vocab.is_end_of_generation(token)) ends.push_back(token);
  }
  return std::make_unique<LeastTokens>(std::move(ends), tokens);
}

std::unique_ptr<OwnSampler> make_thought_limit(const Model& model, const ThoughtLimit& limit) {
  if (!model.vocab().present()) throw Error(ErrorCode::unsupported, "a limit of thoughts needs a vocabulary");
  return std::make_unique<LimitedThought>(model.vocab(), limit);
}

}  // namespace plimsoll::engine
