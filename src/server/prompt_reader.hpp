// PromptReader: what reads the requests for one model: its vocabulary, its chat template and the length of its context.
// It needs no weights, so a request can be read and refused before its model is loaded.
#pragma once
#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/reasoning.hpp"
#include "api/text_request.hpp"
#include "api/tool_calls.hpp"
#include "engine/chat_template.hpp"
#include "engine/context.hpp"
#include "engine/file_sampling.hpp"
#include "host/lease.hpp"

#include "media_prompt.hpp"

namespace plimsoll::server {

struct ModelTemplate {
  engine::ChatTemplate chat;
  grammar::ToolForm tools;
  std::optional<api::ReasoningForm> reasoning;  // empty: it does not think aloud
};

struct ReadPrompts {
  std::string gone_on_with{};  // of a chat: the text of its last message, where the answer continues that
  std::shared_ptr<const ModelTemplate> chat{};  // of a chat; else null
  bool begins_in_a_thought = false;             // the answer does, since its template has begun one
  std::vector<std::vector<engine::Token>> prompts{};
  // Of the only one, where pictures or sounds are in it: then `prompts` has the tokens of its text alone.
  std::vector<PromptPiece> pieces{};
};

// Any thread: nothing of it changes. Holds its model.
class PromptReader {
 public:
  // `model`: whole, or its vocabulary alone; `facts` and `context` are then the plan's, made from these files.
  // `chosen`: the chat template in the place of the file's own; empty: that.
  PromptReader(std::string name, std::shared_ptr<const engine::Model> model, engine::ModelFacts facts,
               const engine::ContextFacts& context, std::string files = {}, std::string chosen = {});
  // With what is loaded; ends before the lease.
  PromptReader(const host::Lease& lease, std::string chosen);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& files() const noexcept { return files_; }  // see Host::planned_files()
  [[nodiscard]] const engine::Model& model() const noexcept { return *model_; }
  [[nodiscard]] const engine::ModelFacts& facts() const noexcept { return facts_; }
  [[nodiscard]] const engine::ContextFacts& context() const noexcept { return context_; }
  [[nodiscard]] engine::Vocab vocab() const noexcept { return model_->vocab(); }
  // Throws Error{usage} where the template cannot be read. `chosen`: a preset's; empty: the model's.
  [[nodiscard]] std::shared_ptr<const ModelTemplate> chat_template(const std::string& chosen = {}) const;
  // Jinja text, or the name of one that is built in; empty: it has none, and ChatML is used.
  [[nodiscard]] std::string template_source() const;
  [[nodiscard]] const std::string& chosen_template() const noexcept { return chosen_; }

  // A chat as its prompt's text; `chosen`: see chat_template(). Throws Error: usage (the template refuses the
  // messages), cancelled (it is stopped).
  [[nodiscard]] engine::PromptText text_of(const api::ChatPrompt& chat, const std::string& chosen = {},
                                           std::stop_token stop = {}) const;
  // Sampling that the model's file recommends.
  [[nodiscard]] const engine::PartialSampling& recommended() const noexcept { return recommended_; }
  // An empty text is an empty prompt where the model has no token to begin with. Throws api::Problem 400 for other
  // empty prompts, and Error: usage (the template refuses the messages, a token that the model does not have),
  // unsupported (text, and the model has no vocabulary). What a chat's messages and tools say is text, whatever it
  // looks like. Throws Error{cancelled} where it is stopped: a template may take a second.
  [[nodiscard]] ReadPrompts read(const api::TextRequest& request, const std::string& chosen = {},
                                 std::stop_token stop = {}) const;
  // Throws Error{usage}: a token that the model does not have.
  void require_tokens(const std::vector<engine::Token>& tokens) const;
  // Throws Error{context_overflow} where the prompt leaves no token of the context free, or has more than `most` tokens
  // (0: nobody sets a limit). In the words that clients look for: "prompt is too long",
  // "exceeds the available context size", "maximum context length".
  void require_capacity(const std::vector<engine::Token>& prompt, std::size_t most) const;

 private:
  [[nodiscard]] std::vector<engine::Token> tokens_of(const std::string& text) const;
  [[nodiscard]] std::vector<engine::Token> tokens_of(const std::vector<engine::Token>& tokens) const { return tokens; }
  [[nodiscard]] std::vector<engine::Token> tokens_of(const api::MixedPrompt& parts) const;
  [[nodiscard]] std::vector<engine::Token> tokens_behind(std::vector<engine::Token> before,
                                                         const engine::PromptText& text) const;
  void add_pieces(ReadPrompts& out, std::vector<engine::Token> before, const engine::PromptText& text,
                  const api::MediaList& media) const;

  std::string name_;
  std::shared_ptr<const engine::Model> model_;
  engine::ModelFacts facts_;
  engine::ContextFacts context_;
  std::string files_;
  std::string chosen_;
  std::expected<std::shared_ptr<const ModelTemplate>, Error> template_;
  engine::PartialSampling recommended_;
};

}  // namespace plimsoll::server
