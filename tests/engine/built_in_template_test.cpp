// Templates that somebody chose: by text, or by a name that the engine has built in.
#include <gtest/gtest.h>

#include "engine/chat_form.hpp"
#include "engine/chat_template.hpp"
#include "engine/template_facts.hpp"

#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;
using test::TemporaryFolder;
using Json = nlohmann::ordered_json;

Json chat(bool answer) {
  return {{"messages",
           Json::array({{{"role", "system"}, {"content", "Be brief."}}, {{"role", "user"}, {"content", "Hi"}}})},
          {"add_generation_prompt", answer}};
}

TEST(BuiltInTemplateTest, WritesWhatTheEngineWrites) {
  const auto form = ChatForm::chosen("chatml");
  EXPECT_EQ(form->render(chat(true)).text,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(form->render(chat(false)).text,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
  // As a chat template renders it: a role is the template's own.
  const jinja::RenderOptions options{
      .owns = [](std::string_view member, std::string_view) { return member == "role"; }};
  EXPECT_EQ(ChatForm::of_file(std::nullopt)->render(chat(true), options), form->render(chat(true), options))
      << "what messages say is marked in both";
}

TEST(BuiltInTemplateTest, EachCanChat) {
  ASSERT_FALSE(built_in_templates().empty());
  for (const std::string& name : built_in_templates()) {
    const TemplateCapabilities can = capabilities_of(*ChatForm::chosen(name));
    EXPECT_TRUE(can.text_content) << name;
    EXPECT_FALSE(can.content_parts) << name;
    EXPECT_FALSE(can.tools) << name;
  }
}

TEST(BuiltInTemplateTest, LongChatsAreWhole) {
  Json values = chat(true);
  values["messages"][1]["content"] = std::string(100'000, 'x');
  EXPECT_GT(ChatForm::chosen("chatml")->render(values).text.size(), 100'000U);
}

TEST(BuiltInTemplateTest, AWrongChoiceIsASentence) {
  expect_error(ErrorCode::usage, "chatml", [] { ChatTemplate::check("chatmll"); });
  expect_error(ErrorCode::usage, "line 1", [] { ChatTemplate::check("{% for m in messages %}"); });
  ChatTemplate::check("{{ messages[0].content }}");
  ChatTemplate::check("llama3");
}

TEST(TemplateFactsTest, AreReadWithoutTheModel) {
  const TemporaryFolder folder;
  const auto facts = [&](const std::string& source) {
    test::TinyGguf file = test::tiny_llama();
    if (!source.empty()) file.text("tokenizer.chat_template", source);
    return template_facts(folder.write("m.gguf", file.bytes()));
  };
  const TemplateFacts none = facts("");
  EXPECT_FALSE(none.is_own);
  EXPECT_TRUE(none.chats);
  EXPECT_TRUE(remark_on(none).contains("ChatML"));
  const TemplateFacts plain = facts("{% for m in messages %}{{ m.content }}{% endfor %}");
  EXPECT_TRUE(plain.is_own);
  EXPECT_TRUE(remark_on(plain).contains("knows no tools"));
  const TemplateFacts tools =
      facts("{% for t in tools %}{{ t.function.name }}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}");
  EXPECT_EQ(remark_on(tools), "");
  const TemplateFacts broken = facts("{% for m in messages %}\n{{ m.content }");
  EXPECT_TRUE(remark_on(broken).contains("cannot chat")) << remark_on(broken);
  EXPECT_TRUE(remark_on(broken).contains("line 2")) << remark_on(broken);
  EXPECT_TRUE(remark_on(facts("{{ bos_token }}")).contains("no message of a user"));
  expect_error(ErrorCode::model_unusable, "absent", [&] { (void)template_facts(folder.path("absent.gguf")); });
  EXPECT_TRUE(template_facts(folder.path("m.gguf"), "chatml").is_chosen);
}

}  // namespace
}  // namespace plimsoll::engine
