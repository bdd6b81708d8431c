#include "api/held_form.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "api/problem.hpp"
#include "api/tool_calls.hpp"
#include "api/unknown_fields.hpp"
#include "grammar/json_schema.hpp"
#include "grammar/thought_grammar.hpp"

namespace plimsoll::api {
namespace {

using grammar::SchemaNote;

constexpr std::size_t kLongestPointer = 160;

std::string word_of(const SchemaNote& note) {
  std::string out = note.kind == SchemaNote::Kind::unchecked ? "unchecked " : "loosened ";
  for (const char c : note.pointer.substr(0, kLongestPointer)) out += c > ' ' && c < 0x7F && c != ',' ? c : '?';
  return out;
}

void refuse_loosened(const std::vector<SchemaNote>& notes) {
  if (!UnknownFields::refuses()) return;
  const auto found = std::ranges::find(notes, SchemaNote::Kind::loosened, &SchemaNote::kind);
  if (found != notes.end())
    throw bad_request(fmt::format("the schema at '{}' cannot be held: {}", found->pointer, found->why));
}

bool is_off(const ChatPrompt& chat) {
  return std::ranges::any_of(std::initializer_list<const char*>{"enable_thinking", "thinking"}, [&](const char* key) {
    return chat.template_values.is_object() && chat.template_values.value(key, Json()) == false;
  });
}

// The channel stands in front of what the model writes then, text or calls, and it is never told to write none.
bool calls_in_channels(const TemplateForms& forms) {
  return forms.tools == grammar::ToolForm::channels && forms.reasoning && forms.reasoning->has_channels;
}

// Behind a thought of such a model a message begins, of whatever channel.
std::string_view end_of_thoughts(const TemplateForms& forms, bool calls) {
  return calls && calls_in_channels(forms) ? "<|end|><|start|>assistant" : forms.reasoning->end;
}

// A choice, a pattern or a grammar holds from the first token on, unless the prompt has begun a thought.
bool may_think(const TextRequest& request, const TemplateForms& forms, bool has_schema_or_tools) {
  if (!forms.reasoning) return false;
  if (forms.begins_in_a_thought) return true;
  const auto* chat = std::get_if<ChatPrompt>(&request.prompt);
  return has_schema_or_tools && chat != nullptr && !chat->goes_on && !(is_off(*chat) && !calls_in_channels(forms));
}

// They end a thought of gpt-oss for its reader, and what follows would be held to nothing.
std::vector<std::string_view> other_ends() { return {"<|start|>assistant", "<|channel|>", "<|return|>"}; }

void put_behind_a_thought(engine::SamplingParams& sampling, const TemplateForms& forms, std::string_view end,
                          bool calls) {
  const bool in_channels = calls && calls_in_channels(forms);  // a call may begin with a space then
  sampling.grammar =
      grammar::grammar_behind_a_thought(sampling.grammar, sampling.grammar_root,
                                        {.begin = forms.reasoning->begin,
                                         .end = end,
                                         .instead = in_channels ? std::string_view{} : forms.reasoning->instead,
                                         .is_open = forms.begins_in_a_thought,
                                         .spaces_follow = !in_channels,
                                         .never_inside = in_channels ? other_ends() : std::vector<std::string_view>{}});
  sampling.grammar_root = "root";
}

bool has_tools(const TextRequest& request) {
  const auto* chat = std::get_if<ChatPrompt>(&request.prompt);
  return chat != nullptr && !chat->tools.empty() && chat->tool_choice.kind != ToolChoice::Kind::none;
}

}  // namespace

std::string HeldForm::words() const {
  std::vector<std::string> words;
  for (const SchemaNote& note : notes) {
    if (words.size() < kMostWords) words.push_back(word_of(note));
  }
  if (notes.size() > kMostWords) words.push_back(fmt::format("and {} more", notes.size() - kMostWords));
  return fmt::format("{}", fmt::join(words, ", "));
}

bool HeldForm::needs_check() const {
  return std::ranges::contains(notes, SchemaNote::Kind::unchecked, &SchemaNote::kind);
}

HeldForm hold_to_form(engine::SamplingParams& sampling, const TextRequest& request,
                      const std::optional<TemplateForms>& forms) {
  HeldForm held;
  if (!request.schema.is_null()) {
    if (!sampling.grammar.empty())
      throw bad_request("a grammar and a schema were given; the answer can follow one of them");
    grammar::SchemaGrammar made = grammar::grammar_of_schema(request.schema);
    sampling.grammar = std::move(made.gbnf);
    sampling.grammar_root = "root";
    held.notes = std::move(made.notes);
  }
  if (forms && has_tools(request)) {
    const auto& chat = std::get<ChatPrompt>(request.prompt);
    const bool may_begin_one = may_think(request, *forms, true) && !forms->begins_in_a_thought;
    const std::string_view mark = may_begin_one ? forms->reasoning->begin : std::string_view{};
    for (SchemaNote& note : hold_to_tools(sampling, chat, forms->tools, mark)) held.notes.push_back(std::move(note));
  }
  refuse_loosened(held.notes);
  const bool lazy = !sampling.grammar_trigger_patterns.empty() || !sampling.grammar_trigger_tokens.empty();
  if (!forms || !forms->reasoning) return held;
  held.has_thoughts =
      sampling.grammar.empty() || lazy || may_think(request, *forms, !request.schema.is_null() || has_tools(request));
  held.thought_end = end_of_thoughts(*forms, has_tools(request));
  if (held.has_thoughts && !sampling.grammar.empty() && !lazy)
    put_behind_a_thought(sampling, *forms, held.thought_end, has_tools(request));
  return held;
}

}  // namespace plimsoll::api
