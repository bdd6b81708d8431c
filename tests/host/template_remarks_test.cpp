#include "host/template_remarks.hpp"

#include <gtest/gtest.h>

namespace plimsoll::host {
namespace {

TemplateRemark shows_tools(const std::string& source) {
  TemplateRemark one{.name = "mate", .facts = {}};
  one.facts.is_own = one.facts.chats = one.facts.tools = true;
  one.facts.source = source;
  return one;
}

TEST(TemplateRemarksTest, AFormOfCallsThatIsNotReadIsSaid) {
  EXPECT_EQ(remark_on(shows_tools("{{ '<tool_call>' }}{{ tools }}")), "");
  EXPECT_EQ(remark_on(shows_tools("{{ '[TOOL_CALLS]' }}{{ tools }}")), "");
  const TemplateRemark other = shows_tools("{{ '<|START_ACTION|>' }}{{ tools }}");
  EXPECT_TRUE(remark_on(other).contains("not read here")) << remark_on(other);
  EXPECT_TRUE(to_text({other}).starts_with("  Chat: mate: ")) << to_text({other});
}

}  // namespace
}  // namespace plimsoll::host
