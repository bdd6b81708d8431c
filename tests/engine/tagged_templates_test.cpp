// Templates whose calls have their arguments in tags tell tools and history themselves.
#include <gtest/gtest.h>

#include "engine/chat_template.hpp"
#include "grammar/tool_form.hpp"

namespace plimsoll::engine {
namespace {

using Json = nlohmann::ordered_json;

// As Qwen3-Coder's.
constexpr const char* kCoder =
    "{% for t in tools or [] %}<function><name>{{ t.function.name }}</name></function>{% endfor %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}{{ '\\n' ~ m.content }}{% for c in m.tool_calls or [] %}"
    "{{ '\\n<tool_call>\\n<function=' ~ c.function.name ~ '>\\n' }}"
    "{% for name, value in c.function.arguments|items %}{{ '<parameter=' ~ name ~ '>\\n' }}"
    "{{ value|tojson if value is mapping or (value is sequence and value is not string) else value|string }}"
    "{{ '\\n</parameter>\\n' }}{% endfor %}{{ '</function>\\n</tool_call>' }}{% endfor %}<|im_end|>{% endfor %}";
// As GLM 4.5's.
constexpr const char* kGlm =
    "{% for t in tools or [] %}{{ t|tojson }}{% endfor %}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% for c in m.tool_calls or [] %}{{ '\\n<tool_call>' ~ c.function.name }}"
    "{% for k, v in c.function.arguments.items() %}{{ '\\n<arg_key>' ~ k ~ '</arg_key>\\n<arg_value>' }}"
    "{{ v if v is string else v|tojson }}</arg_value>{% endfor %}{{ '\\n</tool_call>' }}{% endfor %}{% endfor %}";
// As Seed-OSS's.
constexpr const char* kSeed =
    "{% for t in tools or [] %}def {{ t.function.name }}(){% endfor %}"
    "{% for m in messages %}<seed:bos>{{ m.role ~ '\\n' ~ m.content }}{% for c in m.tool_calls or [] %}"
    "{{ '\\n<seed:tool_call>\\n<function=' ~ c.function.name ~ '>\\n' }}"
    "{% for k, v in c.function.arguments|items %}{{ '<parameter=' ~ k ~ '>' ~ (v if v is string else v|string) }}"
    "{{ '</parameter>\\n' }}{% endfor %}{{ '</function>\\n</seed:tool_call>' }}{% endfor %}<seed:eos>{% endfor %}";
// As MiniMax M2's.
constexpr const char* kMiniMax =
    "{% for t in tools or [] %}<tool>{{ t.function|tojson }}</tool>{% endfor %}"
    "{% for m in messages %}]~b]{{ m.role }}{{ '\\n' ~ m.content }}{% if m.tool_calls %}{{ '\\n<minimax:tool_call>\\n' "
    "}}"
    "{% for c in m.tool_calls %}<invoke name=\"{{ c.function.name }}\">{{ '\\n' }}"
    "{% for k, v in c.function.arguments.items() %}<parameter name=\"{{ k }}\">{{ v if v is string else v|tojson }}"
    "</parameter>{{ '\\n' }}{% endfor %}</invoke>{{ '\\n' }}{% endfor %}</minimax:tool_call>{% endif %}[e~[{% endfor "
    "%}";

const Json kWeather = Json::parse(
    R"([{"type": "function", "function": {"name": "weather", "description": "", "parameters": {"type": "object"}}}])");

std::string told_by(const char* source) {
  const ChatTemplate chat(source, "", "");
  const TemplateCapabilities can = chat.capabilities();
  EXPECT_TRUE(can.tools && can.tool_calls && can.tool_results && can.parallel_calls);
  EXPECT_FALSE(can.arguments_as_text);
  const ChatMessage calling{.role = "assistant",
                            .content = "",
                            .extra = Json::parse(R"({"tool_calls": [{"type": "function", "id": "1", "function":
                              {"name": "weather", "arguments": {"city": "Ulm", "days": 3, "of": ["rain"]}}}]})")};
  const ChatMessage result{.role = "tool", .content = "sun", .extra = {{"tool_call_id", "1"}}};
  return chat.apply({{.role = "user", .content = "Rain?", .extra = {}}, calling, result}, true, kWeather).text;
}

TEST(TaggedTemplatesTest, CallsOfTheHistoryStandInTheirTags) {
  EXPECT_EQ(grammar::tool_form(kCoder), grammar::ToolForm::coder);
  EXPECT_EQ(
      told_by(kCoder),
      "<function><name>weather</name></function><|im_start|>user\nRain?<|im_end|><|im_start|>assistant\n"
      "\n<tool_call>\n<function=weather>\n<parameter=city>\nUlm\n</parameter>\n<parameter=days>\n3\n</parameter>\n"
      "<parameter=of>\n[\"rain\"]\n</parameter>\n</function>\n</tool_call><|im_end|><|im_start|>tool\nsun"
      "<|im_end|>");
  EXPECT_EQ(grammar::tool_form(kGlm), grammar::ToolForm::glm);
  const std::string glm = told_by(kGlm);
  EXPECT_TRUE(
      glm.contains("<|assistant|>\n<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Ulm</arg_value>\n"
                   "<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n<arg_key>of</arg_key>\n"
                   "<arg_value>[\"rain\"]</arg_value>\n</tool_call><|tool|>sun"))
      << glm;
  EXPECT_EQ(grammar::tool_form(kSeed), grammar::ToolForm::seed);
  const std::string seed = told_by(kSeed);
  EXPECT_TRUE(
      seed.contains("<seed:bos>assistant\n\n<seed:tool_call>\n<function=weather>\n<parameter=city>Ulm</parameter>\n"
                    "<parameter=days>3</parameter>\n<parameter=of>['rain']</parameter>\n</function>\n"
                    "</seed:tool_call><seed:eos>"))
      << seed;
  EXPECT_EQ(grammar::tool_form(kMiniMax), grammar::ToolForm::minimax);
  const std::string minimax = told_by(kMiniMax);
  EXPECT_TRUE(
      minimax.contains("]~b]assistant\n\n<minimax:tool_call>\n<invoke name=\"weather\">\n"
                       "<parameter name=\"city\">Ulm</parameter>\n<parameter name=\"days\">3</parameter>\n"
                       "<parameter name=\"of\">[\"rain\"]</parameter>\n</invoke>\n</minimax:tool_call>[e~["))
      << minimax;
}

}  // namespace
}  // namespace plimsoll::engine
