#include <gtest/gtest.h>

#include "run/history_transform.hpp"

#include "expect_error.hpp"

namespace plimsoll::run {
namespace {

const ChatHistory kHistory{{.role = "system", .content = "Be brief.", .extra = {}},
                           {.role = "user", .content = "Hello", .extra = {}},
                           {.role = "assistant", .content = "Aye.", .extra = {}},
                           {.role = "user", .content = "Wind?", .extra = {}}};

TEST(RoleNameTransformTest, WritesALineForEachMessageAndBeginsTheAnswer) {
  const RoleNameTransform transform({.user = "Captain", .assistant = "Mate", .system = "Orders"});
  EXPECT_EQ(transform.to_prompt(kHistory), "Orders: Be brief.\nCaptain: Hello\nMate: Aye.\nCaptain: Wind?\nMate:");
  EXPECT_EQ(transform.stop_strings(), (std::vector<std::string>{"\nCaptain:", "\nOrders:"}));
  test::expect_error(ErrorCode::usage, "'tool'",
                     [&] { (void)transform.to_prompt({{.role = "tool", .content = "", .extra = {}}}); });
}

TEST(InstructTransformTest, WritesInstructionsBetweenPrefixAndSuffix) {
  const InstructTransform transform({.prefix = "\n\n### I:\n", .suffix = "\n\n### R:\n"});
  EXPECT_EQ(transform.to_prompt(kHistory), "Be brief.\n\n### I:\nHello\n\n### R:\nAye.\n\n### I:\nWind?\n\n### R:\n");
  EXPECT_EQ(transform.stop_strings(), std::vector<std::string>{"### I:"});
}

TEST(TemplateTransformTest, WritesWhatTheTemplateSays) {
  const TemplateTransform transform(
      engine::ChatTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if "
                           "add_generation_prompt %}<assistant>{% endif %}",
                           "", ""));
  EXPECT_EQ(transform.to_prompt(kHistory), "<system>Be brief.<user>Hello<assistant>Aye.<user>Wind?<assistant>");
}

}  // namespace
}  // namespace plimsoll::run
