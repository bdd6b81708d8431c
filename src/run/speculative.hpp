// SpeculativeGeneration: a small model proposes tokens, the large one checks several at once and keeps those it would
// have chosen itself. The text is that of the large one alone; only its time differs.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.hpp"
#include "run/generation.hpp"

namespace plimsoll::run {

struct SpeculationParams {
  std::size_t most = 8;            // tokens proposed at a time; the target must be planned with outputs of one more
  float least_probability = 0.5F;  // proposals end with the first token that the draft model gives less
};

// The request of a draft model beside this target: named after it, of the same compute group, its context as the
// target's, in which the target is given the rows of logits that checking needs: for each of its sequences, as far as a
// batch goes. Throws Error{usage} where not even one conversation's fit into a batch, or where the probability is none.
[[nodiscard]] plan::Request plan_with_draft(plan::Request& target, std::string draft_file,
                                            const SpeculationParams& speculation);

struct SpeculationCounts {
  std::size_t proposed = 0;
  std::size_t accepted = 0;
};

// Two instances, planned together: both stay resident, and each has entries of its own in the plan. The conversations
// outlive it; the target's then holds prompt and answer as after a Generation. One thread.
//
// Proposals that are not kept are taken back from memory. Where the target's memory cannot forget a tail (recurrent and
// hybrid models), that would decode everything again: such targets throw Error{unsupported}.
class SpeculativeGeneration {
 public:
  // Throws Error: usage (another vocabulary; outputs too few for one proposal; overflow strategies that forget),
  // unsupported (see above), and what Generation's constructor throws.
  SpeculativeGeneration(Conversation& target, Conversation& draft, GenerationParams params,
                        SpeculationParams speculation = {});

  [[nodiscard]] std::optional<std::string> next();  // as Generation::next()
  [[nodiscard]] FinishReason finish_reason() const noexcept { return reason_; }
  [[nodiscard]] const std::string& stop_string() const noexcept { return text_.stopped_by(); }  // that ended it, or ""
  [[nodiscard]] const std::vector<engine::Token>& tokens() const noexcept { return tokens_; }
  [[nodiscard]] const GenerationTiming& timing() const noexcept { return timing_; }
  [[nodiscard]] const SpeculationCounts& counts() const noexcept { return counts_; }

 private:
  void begin();
  [[nodiscard]] std::vector<engine::Token> propose();
  void check(std::vector<engine::Token> proposed);
  void settle();
  [[nodiscard]] bool decode(Conversation& conversation);
  [[nodiscard]] std::size_t room() const;
  // The token that follows in the target, `back` rows before its last. False: the generation ends with it.
  [[nodiscard]] bool take(engine::Token token, std::size_t back);

  Conversation& target_;
  Conversation& draft_;
  GenerationParams params_;
  SpeculationParams speculation_;
  std::shared_ptr<engine::Sampler> sampler_;
  engine::Sampler draft_sampler_;
  TextStream text_;
  std::string ready_;  // text that was checked and not yet given out
  std::vector<engine::Token> tokens_;
  FinishReason reason_ = FinishReason::running;
  engine::Token end_token_ = LLAMA_TOKEN_NULL;
  SpeculationCounts counts_;
  GenerationTiming timing_;
  bool begun_ = false;
};

// Throws Error: usage (other tokens, or tokens with another text), unsupported (the target's memory cannot forget a
// tail).
void require_draft(const engine::Model& target, std::string_view target_name, const engine::Model& draft,
                   std::string_view draft_name);

}  // namespace plimsoll::run
