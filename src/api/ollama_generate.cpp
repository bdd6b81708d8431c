// Ollama's /api/generate.
#include "media_fields.hpp"
#include "ollama_fields.hpp"

namespace plimsoll::api {
namespace {

ChatPrompt as_a_chat(const std::string& system, const std::string& prompt, std::vector<engine::Token> context) {
  ChatPrompt chat;
  if (!system.empty()) chat.messages.push_back({.role = "system", .content = system});
  chat.messages.push_back({.role = "user", .content = prompt});
  chat.before = std::move(context);
  return chat;
}

std::vector<engine::Token> read_context(Fields& fields) {
  const Json* context = fields.find("context");
  if (context == nullptr) return {};
  if (!context->is_array()) fields.fail("context", "must be the list of numbers of an earlier answer");
  return read_tokens(*context, "context");
}

}  // namespace

Asked read_ollama_generate(const Json& body) {
  Fields fields(body);
  Asked asked;
  OllamaForm form{.chat = false};
  std::string prompt = fields.text("prompt").value_or("");
  const std::string suffix = fields.text("suffix").value_or("");
  const std::string system = fields.text("system").value_or("");
  const bool raw = fields.flag("raw").value_or(false);
  std::vector<engine::Token> context = read_context(fields);
  if (suffix.empty()) {
    if (const Json* images = fields.find("images"))
      prompt.insert(0, read_media_texts(*images, "images", asked.request.media));  // in front, as Ollama has them
  } else {
    fields.refuse("images", "a gap is filled with text", Json::array());
  }
  if (!suffix.empty()) {
    asked.request.prompt = InfillPrompt{.prefix = prompt, .suffix = suffix};
  } else if (raw) {
    asked.request.prompt = std::vector<RawPrompt>{prompt};
  } else {
    asked.request.prompt = as_a_chat(system, prompt, std::move(context));
  }
  form.shows_context = asked.request.shows_tokens = !raw;
  asked.only_loads = prompt.empty() && suffix.empty();
  const std::string model = fields.text("model").value_or("");
  read_ollama_common(fields, asked, form);
  fields.pass_over_unknown();  // "template" is one of Ollama's own kind: the model's is used
  asked.writer = ollama_writer(model, form);
  return asked;
}

}  // namespace plimsoll::api
