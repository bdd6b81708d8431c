#include <gtest/gtest.h>

#include "agent_header.hpp"

namespace plimsoll::api {
namespace {

TEST(AgentHeaderTest, TheLineGoesAndWhatStandsBehindItStays) {
  EXPECT_EQ(without_agent_header("x-anthropic-billing-header: cc_version=2.1.107.3d9; cc_entrypoint=cli; cch=74943;"),
            "");
  EXPECT_EQ(without_agent_header("x-anthropic-billing-header: cc_version=2.1; cch=74943;\nYou are an agent."),
            "You are an agent.");
  EXPECT_EQ(without_agent_header("x-anthropic-billing-header: cch=74943;You are an agent: a=b."),
            "You are an agent: a=b.");
  EXPECT_EQ(without_agent_header("x-anthropic-billing-header: cch=74943\nYou are"), "You are");
  EXPECT_EQ(without_agent_header("x-anthropic-other:a=b;"), "");
}

TEST(AgentHeaderTest, AnyOtherTextIsLeftAlone) {
  for (const char* text : {"", "You are an agent.", "x-anthropic", "x-anthropic-billing-header", "x-anthropic-a: b",
                           "x-anthropic-a:", "Tell x-anthropic-billing-header: cch=1; from others."})
    EXPECT_EQ(without_agent_header(text), text);
}

}  // namespace
}  // namespace plimsoll::api
