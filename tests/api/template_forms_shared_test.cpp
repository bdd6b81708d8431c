// Public templates: the form of calls that each teaches, and that calls of its history are written in it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "api/tool_calls.hpp"
#include "engine/chat_template.hpp"
#include "grammar/call_text.hpp"
#include "grammar/marked_form.hpp"

#include "paths.hpp"
#include "read_calls.hpp"

namespace plimsoll::api {
namespace {

using grammar::ToolForm;

struct TemplateForm {
  const char* file;
  ToolForm form;
};

// `listed`: it knows no tools, or its form is not read.
constexpr TemplateForm kForms[] = {
    {"Apriel-1.6-15b-Thinker-fixed", ToolForm::apriel},
    {"Cohere2MoE", ToolForm::cohere},
    {"CohereForAI-c4ai-command-r-plus-tool_use", ToolForm::listed},
    {"CohereForAI-c4ai-command-r7b-12-2024-tool_use", ToolForm::cohere},
    {"GLM-4.6", ToolForm::glm},
    {"GigaChat3-10B-A1.8B", ToolForm::gigachat},
    {"HuggingFaceTB-SmolLM3-3B", ToolForm::listed},
    {"Kimi-K2-Instruct", ToolForm::kimi},
    {"LFM2-8B-A1B", ToolForm::lfm},
    {"LFM2.5-Instruct", ToolForm::lfm},
    {"MiMo-VL", ToolForm::hermes},
    {"Mistral-Small-3.2-24B-Instruct-2506", ToolForm::named},
    {"NVIDIA-Nemotron-Nano-v2", ToolForm::nemotron},
    {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", ToolForm::hermes},
    {"Qwen-QwQ-32B", ToolForm::hermes},
    {"Qwen-Qwen2.5-7B-Instruct", ToolForm::hermes},
    {"Qwen-Qwen3-0.6B", ToolForm::hermes},
    {"Qwen3-Coder", ToolForm::coder},
    {"StepFun3.5-Flash", ToolForm::coder},
    {"deepseek-ai-DeepSeek-R1-Distill-Llama-8B", ToolForm::fenced},
    {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", ToolForm::fenced},
    {"deepseek-ai-DeepSeek-V3.1", ToolForm::deepseek},
    {"deepseek-ai-DeepSeek-V3.2", ToolForm::dsml},
    {"fireworks-ai-llama-3-firefunction-v2", ToolForm::listed},
    {"google-gemma-2-2b-it", ToolForm::listed},
    {"google-gemma-4-31B-it", ToolForm::gemma},
    {"ibm-granite-granite-3.3-2B-Instruct", ToolForm::granite},
    {"ibm-granite-granite-4.0", ToolForm::hermes},
    {"llama-cpp-deepseek-r1", ToolForm::fenced},
    {"llama-cpp-rwkv-world", ToolForm::listed},
    {"meetkai-functionary-medium-v3.1", ToolForm::functionary},
    {"meta-llama-Llama-3.1-8B-Instruct", ToolForm::bare},
    {"meta-llama-Llama-3.2-3B-Instruct", ToolForm::bare},
    {"meta-llama-Llama-3.3-70B-Instruct", ToolForm::bare},
    {"microsoft-Phi-3.5-mini-instruct", ToolForm::listed},
    {"mistralai-Mistral-Nemo-Instruct-2407", ToolForm::mistral},
    {"moonshotai-Kimi-K2", ToolForm::kimi},
    {"openai-gpt-oss-120b", ToolForm::channels},
    {"unsloth-Apriel-1.5", ToolForm::apriel},
    {"unsloth-mistral-Devstral-Small-2507", ToolForm::named},
};

std::string source_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string path_of(const TemplateForm& one) { return shared_path(std::string("templates/") + one.file + ".jinja"); }

const Json kWeather =
    Json::parse(R"([{"type": "function", "function": {"name": "weather", "description": "Rain or sun.",
  "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "Of it."}},
    "required": ["city"]}}}])");

std::string history_in(const TemplateForm& one) {
  engine::ChatTemplate chat(source_of(path_of(one)), "", "");
  chat.write_calls_with([&](const Json& calls) { return grammar::call_text(one.form, calls); });
  const engine::ChatMessage calling{
      .role = "assistant", .content = "", .extra = Json::parse(R"({"tool_calls": [{"type": "function", "id": "call_1",
                                      "function": {"name": "weather", "arguments": {"city": "Ulm"}}}]})")};
  const engine::ChatMessage result{.role = "tool", .content = "sun", .extra = {{"tool_call_id", "call_1"}}};
  return chat.apply({{.role = "user", .content = "Rain?", .extra = {}}, calling, result}, true, kWeather).text;
}

TEST(TemplateFormsSharedTest, EachTemplateIsInTheTable) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(shared_path("templates")))
    if (entry.path().extension() == ".jinja") files.insert(entry.path().stem());
  for (const TemplateForm& one : kForms) {
    EXPECT_EQ(files.erase(one.file), 1U) << one.file;
    EXPECT_EQ(static_cast<int>(grammar::tool_form(source_of(path_of(one)))), static_cast<int>(one.form)) << one.file;
  }
  EXPECT_EQ(files, std::set<std::string>());
}

// Whoever reads an answer in the form reads the history of the same model.
TEST(TemplateFormsSharedTest, CallsOfTheHistoryAreReadInTheForm) {
  for (const TemplateForm& one : kForms) {
    if (one.form == ToolForm::listed || one.form == ToolForm::bare) continue;  // told in words; whole answers
    const std::string text = history_in(one);
    const test::Read read = test::read(one.form, {text}, kWeather);
    ASSERT_EQ(read.calls.size(), 1U) << one.file << "\n" << text;
    EXPECT_EQ(read.calls[0].name, "weather") << one.file;
    EXPECT_EQ(read.calls[0].arguments, R"({"city":"Ulm"})") << one.file;
    EXPECT_TRUE(text.contains("Rain or sun.")) << one.file;
  }
}

}  // namespace
}  // namespace plimsoll::api
