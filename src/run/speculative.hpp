// Speculation: which model may propose tokens to which, and what both are planned with. What is done with a draft:
// run::Generation.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "plan/plan.hpp"

namespace plimsoll::engine {
class Model;
}

namespace plimsoll::run {

struct SpeculationParams {
  std::size_t most = 8;            // tokens proposed at a time; the target must be planned with outputs of one more
  float least_probability = 0.5F;  // proposals end with the first token that the draft model gives less
};

struct SpeculationCounts {
  std::size_t proposed = 0;
  std::size_t accepted = 0;
  friend bool operator==(const SpeculationCounts&, const SpeculationCounts&) = default;
};

// The request of a draft model beside this target: named after it, of the same compute group, its context as the
// target's, in which the target is given the rows of logits that checking needs: for each of its sequences, as far as a
// batch goes. Throws Error{usage} where not even one conversation's fit into a batch, or for what is not a probability.
[[nodiscard]] plan::Request plan_with_draft(plan::Request& target, std::string draft_file,
                                            const SpeculationParams& speculation);

// The same tokens with the same text, or none at all in both. Looks at each.
[[nodiscard]] bool same_vocabulary(const engine::Model& one, const engine::Model& other);

// Proposals that are not kept are taken back from memory. Where the target's memory cannot forget a tail (recurrent and
// hybrid models), that would decode everything again: Error{unsupported}.
void require_memory_for_drafts(const engine::Model& target, std::string_view target_name);
// The same, and Error{usage} for other tokens, or tokens with another text: takes both vocabularies, so it is asked
// once for two models.
void require_draft(const engine::Model& target, std::string_view target_name, const engine::Model& draft,
                   std::string_view draft_name);

}  // namespace plimsoll::run
