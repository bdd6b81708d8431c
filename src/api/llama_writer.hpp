// llama_writer: how llama-server writes the answers of /completion and /infill.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/dialect.hpp"
#include "api/fields.hpp"

namespace plimsoll::api {

struct LlamaForm {
  Json settings{};                             // of the answer: llama_settings()
  std::vector<std::string> response_fields{};  // only these, "generation_settings/n_predict"; empty: all
  bool return_tokens = false;                  // of a whole answer; a stream's always have them
  bool is_list = false;                        // several prompts were given, or one inside a list
  std::int64_t id_slot = -1;                   // which the request named
  bool after_sampling = false;                 // log-probabilities are told as probabilities
};

// Log-probabilities with the ids of their tokens. `after_sampling`: `prob` and `top_probs` in the place of `logprob`
// and `top_logprobs`.
[[nodiscard]] Json probabilities_json(const std::vector<TokenLogprob>& tokens, bool after_sampling);

[[nodiscard]] std::unique_ptr<AnswerWriter> llama_writer(LlamaForm form);

// What OpenAI's routes tell as `__verbose` of an answer, where `verbose` asks for it: how the prompt was read, and with
// which settings the answer is made.
class VerboseAnswer {
 public:
  // The last of the request that is read.
  void read(Fields& fields, TextRequest& request);
  void add(Json& out, const ResponseMeta& meta, const Choice& choice) const;

 private:
  std::optional<LlamaForm> form_;  // empty: nobody asks
};

}  // namespace plimsoll::api
