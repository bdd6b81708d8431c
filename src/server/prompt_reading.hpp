// prompt_reading: what is asked as the tokens that a model goes on with.
#pragma once
#include <memory>
#include <vector>

#include <plimsoll/api/text_request.hpp>
#include <plimsoll/host/lease.hpp>

#include "templates.hpp"

namespace plimsoll::server {

struct ReadPrompts {
  std::shared_ptr<const ModelTemplate> chat{};  // of a chat; else null
  bool begins_in_a_thought = false;             // the answer does, since its template has begun one
  std::vector<std::vector<engine::Token>> prompts{};
};

// Throws api::Problem for an empty prompt, and what template and tokenizer throw.
[[nodiscard]] ReadPrompts read_prompts(const host::Lease& lease, Templates& templates, const api::TextRequest& request);

}  // namespace plimsoll::server
