// The table of docs/server.md: what becomes of each field that clients are seen to send, found by sending it.
// PLIMSOLL_UPDATE_GOLDEN=1 writes it anew.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/dialect.hpp"
#include "api/unknown_fields.hpp"
#include "docs_table.hpp"

namespace plimsoll::api {
namespace {

struct Group {
  std::string from;
  std::vector<std::pair<std::string, std::string>> fields;  // name, a value that asks for something
  bool of_a_message = false;
};

// Names and where they are seen: llama-server's page, vLLM's and TGI's clients, Ollama's and LM Studio's, OpenRouter's
// and the makers' own.
const std::vector<Group>& groups() {
  static const std::vector<Group> kGroups{{"llama-server's clients",
                                           {{"timings_per_token", "true"},
                                            {"return_progress", "true"},
                                            {"reasoning_format", R"("none")"},
                                            {"samplers", R"(["top_k"])"},
                                            {"typ_p", "0.5"},
                                            {"n_predict", "7"},
                                            {"n_keep", "4"},
                                            {"t_max_predict_ms", "100"},
                                            {"min_keep", "1"},
                                            {"n_probs", "2"},
                                            {"post_sampling_probs", "true"},
                                            {"backend_sampling", "true"},
                                            {"json_schema", "{}"},
                                            {"grammar", R"("root ::= \"a\"")"},
                                            {"add_generation_prompt", "false"},
                                            {"continue_final_message", "false"},
                                            {"thinking_forced_open", "true"},
                                            {"parse_tool_calls", "false"},
                                            {"dry_sequence_breakers", R"(["a"])"},
                                            {"lora", R"([{"id": 0, "scale": 1}])"},
                                            {"return_tokens", "true"},
                                            {"response_fields", R"(["content"])"},
                                            {"n_indent", "2"},
                                            {"grammar_lazy", "true"},
                                            {"reasoning_control", "true"},
                                            {"thinking_budget_tokens", "9"},
                                            {"reasoning_budget_tokens", "9"},
                                            {"reasoning_budget_message", R"("so")"},
                                            {"adaptive_target", "0.5"},
                                            {"adaptive_decay", "0.5"},
                                            {"cache_reuse", "256"},
                                            {"n_discard", "2"},
                                            {"penalize_nl", "true"},
                                            {"tfs_z", "0.5"},
                                            {"speculative.n_max", "4"},
                                            {"verbose", "true"},
                                            {"n_cmpl", "2"},
                                            {"id_slot", "1"},
                                            {"cache_prompt", "false"}}},
                                          {"vLLM's, SGLang's and TGI's clients",
                                           {{"repetition_penalty", "1.1"},
                                            {"min_tokens", "2"},
                                            {"skip_special_tokens", "false"},
                                            {"spaces_between_special_tokens", "false"},
                                            {"stop_token_ids", "[7]"},
                                            {"include_stop_str_in_output", "true"},
                                            {"guided_json", "{}"},
                                            {"guided_regex", R"("a+")"},
                                            {"guided_choice", R"(["a"])"},
                                            {"guided_grammar", R"("root ::= \"a\"")"},
                                            {"structured_outputs", R"({"choice": ["a"]})"},
                                            {"regex", R"("a+")"},
                                            {"ebnf", R"("root ::= \"a\"")"},
                                            {"length_penalty", "1.1"},
                                            {"best_of", "2"},
                                            {"use_beam_search", "true"},
                                            {"truncate_prompt_tokens", "9"},
                                            {"prompt_logprobs", "1"},
                                            {"priority", "1"},
                                            {"mm_processor_kwargs", R"({"a": 1})"},
                                            {"chat_template", R"("x")"},
                                            {"chat_template_kwargs", R"({"enable_thinking": false})"},
                                            {"documents", R"([{"title": "a"}])"},
                                            {"return_token_ids", "true"},
                                            {"add_special_tokens", "true"},
                                            {"echo", "true"},
                                            {"bad_words", R"(["a"])"},
                                            {"separate_reasoning", "false"},
                                            {"top_a", "0.1"}}},
                                          {"Ollama's and LM Studio's clients",
                                           {{"keep_alive", "300"},
                                            {"options", R"({"num_ctx": 9})"},
                                            {"think", "true"},
                                            {"format", R"("json")"},
                                            {"ttl", "300"},
                                            {"draft_model", R"("x")"},
                                            {"num_ctx", "9"}}},
                                          {"OpenRouter, DeepSeek, GLM, Qwen, Mistral, LiteLLM",
                                           {{"reasoning", R"({"effort": "low"})"},
                                            {"thinking", R"({"type": "enabled"})"},
                                            {"enable_thinking", "true"},
                                            {"thinking_budget", "9"},
                                            {"provider", R"({"order": []})"},
                                            {"transforms", R"(["a"])"},
                                            {"usage", R"({"include": true})"},
                                            {"include_reasoning", "true"},
                                            {"plugins", R"(["a"])"},
                                            {"route", R"("a")"},
                                            {"models", R"(["a"])"},
                                            {"extra_body", R"({"a": 1})"},
                                            {"drop_params", "true"},
                                            {"api_key", R"("a")"},
                                            {"tags", R"(["a"])"},
                                            {"user_id", R"("a")"},
                                            {"do_sample", "false"},
                                            {"tool_stream", "true"},
                                            {"session_id", R"("a")"},
                                            {"chat_id", R"("a")"},
                                            {"safe_prompt", "true"},
                                            {"random_seed", "1"},
                                            {"prompt_mode", R"("reasoning")"},
                                            {"stop_sequences", R"(["a"])"},
                                            {"max_new_tokens", "7"},
                                            {"preset", R"("a")"},
                                            {"mode", R"("a")"},
                                            {"character", R"("a")"}}},
                                          {"OpenAI's, older and newer",
                                           {{"functions", R"([{"name": "a"}])"},
                                            {"function_call", R"("auto")"},
                                            {"web_search_options", R"({"a": 1})"},
                                            {"modalities", R"(["text", "audio"])"},
                                            {"audio", R"({"voice": "a"})"},
                                            {"prediction", R"({"type": "content"})"},
                                            {"moderation", R"({"a": 1})"},
                                            {"verbosity", R"("low")"},
                                            {"top_logprobs", "0"},
                                            {"reasoning_effort", R"("minimal")"},
                                            {"logit_bias", R"([["a", 1]])"},
                                            {"user", R"("a")"},
                                            {"store", "true"},
                                            {"metadata", R"({"a": "b"})"},
                                            {"service_tier", R"("flex")"}}},
                                          {"on a message of the assistant's",
                                           {{"id", R"("a")"},
                                            {"reasoning", R"("a")"},
                                            {"reasoning_content", R"("a")"},
                                            {"reasoning_details", R"([{"type": "reasoning.text", "text": "a"}])"},
                                            {"thinking", R"("a")"},
                                            {"prefix", "true"},
                                            {"timestamp", "1"},
                                            {"provider_specific_fields", R"({"a": 1})"},
                                            {"tool_name", R"("a")"},
                                            {"cache_control", R"({"type": "ephemeral"})"},
                                            {"name", R"("a")"},
                                            {"refusal", R"("a")"},
                                            {"tool_calls", "[]"},
                                            {"function_call", R"({"name": "a", "arguments": "{}"})"},
                                            {"annotations", R"([{}])"},
                                            {"images", R"(["a"])"},
                                            {"metadata", R"({"a": 1})"},
                                            {"sender", R"("a")"},
                                            {"model", R"("a")"},
                                            {"usage", R"({"a": 1})"},
                                            {"phase", R"("a")"},
                                            {"stop_reason", R"("a")"}},
                                           true}};
  return kGroups;
}

enum Fate { done, needless, ignored, refused };

Json request_with(const Group& group, const std::string& name, const Json& value) {
  Json user{{"role", "user"}, {"content", "a"}};
  if (!group.of_a_message) return {{"messages", Json::array({user})}, {name, value}};
  return {{"messages", Json::array({user, {{"role", "assistant"}, {"content", "b"}, {name, value}}, user})}};
}

Fate fate_of(const Group& group, const std::string& name, const Json& value) {
  const UnknownFields unknown(UnknownRule::ignore);
  try {
    (void)read_chat_completion(request_with(group, name, value));
  } catch (const Problem&) {
    return refused;
  }
  const auto ends_with_it = [&](const std::string& path) { return path == name || path.ends_with("." + name); };
  if (std::ranges::any_of(unknown.ignored(), ends_with_it)) return ignored;
  return std::ranges::any_of(unknown.needless(), ends_with_it) ? needless : done;
}

std::string row_of(const std::string& first, const std::vector<std::string>& cells) {
  return fmt::format("| {} | {} |\n", first, fmt::join(cells, " | "));
}

struct Table {
  std::string text;
  std::vector<std::size_t> counts;  // by Fate
};

Table table() {
  std::string out = row_of("from", {"done", "without a meaning here", "ignored and named", "refused"});
  out += "|---|---|---|---|---|\n";
  std::vector<std::size_t> counts(4);
  for (const Group& group : groups()) {
    std::vector<std::string> cells(4);
    for (const auto& [name, value] : group.fields) {
      const Fate fate = fate_of(group, name, Json::parse(value));
      cells[fate] += (cells[fate].empty() ? "`" : ", `") + name + "`";
      ++counts[fate];
    }
    out += row_of(group.from, cells);
  }
  std::vector<std::string> totals;
  for (const std::size_t count : counts) totals.push_back(std::to_string(count));
  return {.text = out + row_of("together", totals), .counts = counts};
}

TEST(FieldTableTest, TheDocsSayWhatBecomesOfEachField) {
  const Table known = table();
  test::expect_docs_table("docs/server.md", "| from | done |", known.text);
  test::expect_docs_row(
      "docs/server.md", "| Fields of `/v1/chat/completions` and of its messages |",
      fmt::format(" {} done, {} without a meaning here, {} ignored and named, {} refused |", known.counts[done],
                  known.counts[needless], known.counts[ignored], known.counts[refused]));
}

// What the originals and their servers take for a value, whatever it says here.
TEST(FieldTableTest, ValuesThatClientsSend) {
  const UnknownFields strict(UnknownRule::refuse);
  for (const char* more :
       {R"("max_tokens": -1)", R"("max_tokens": null)", R"("temperature": 3)", R"("seed": -1)", R"("top_k": -1)",
        R"("stop": [])",
        R"("stop": ["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17","18","19","20"])",
        R"("model": "")", R"("model": null)", R"("tools": [])", R"("top_logprobs": 0)", R"("logit_bias": {})"}) {
    const std::string body = fmt::format(R"({{"messages": [{{"role": "user", "content": "a"}}], {}}})", more);
    EXPECT_NO_THROW((void)read_chat_completion(Json::parse(body))) << more;
  }
}

}  // namespace
}  // namespace plimsoll::api
