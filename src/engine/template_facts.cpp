#include "engine/template_facts.hpp"

#include <gguf.h>

#include <optional>

#include <plimsoll/base/error.hpp>
#include "engine/template_capabilities.hpp"

#include "gguf_reader.hpp"
#include "mapped_file.hpp"

namespace plimsoll::engine {
namespace {

// The first file of a split has it.
std::optional<std::string> template_in(const std::string& path) {
  const MappedFile file(path);
  GgufReader reader(path, file.bytes());
  const GgufCounts counts = read_counts(reader);
  for (std::uint64_t i = 0; i < counts.keys; ++i) {
    const GgufKey key = read_key(reader);
    if (key.type == GGUF_TYPE_STRING && key.name == "tokenizer.chat_template") return std::string(key.text);
  }
  return std::nullopt;
}

}  // namespace

TemplateFacts template_facts(const std::string& path, const std::string& chosen) {
  const std::optional<std::string> own = chosen.empty() ? template_in(path) : std::nullopt;
  TemplateFacts out{.is_own = own.has_value(), .is_chosen = !chosen.empty()};
  out.source = chosen.empty() ? own.value_or("") : chosen;
  try {
    const auto form = chosen.empty() ? ChatForm::of_file(own) : ChatForm::chosen(chosen);
    const TemplateCapabilities can = capabilities_of(*form);
    out.chats = can.chats;
    out.tools = can.tools;
  } catch (const Error& error) {
    out.error = error.what();
  }
  return out;
}

std::string remark_on(const TemplateFacts& facts) {
  if (!facts.error.empty()) return "it cannot chat: the chat template cannot be read: " + facts.error;
  if (!facts.chats) return "its chat template shows no message of a user";
  if (!facts.tools && !facts.is_own && !facts.is_chosen)
    return "it carries no chat template; ChatML is used, which knows no tools: they are told in the system message";
  if (!facts.tools) return "its chat template knows no tools; they are told in the system message";
  return {};
}

}  // namespace plimsoll::engine
