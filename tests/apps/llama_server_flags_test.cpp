#include "llama_server_flags.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "expect_error.hpp"

namespace plimsoll::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Arguments = std::vector<std::string>;

class LlamaServerFlagsTest : public testing::Test {
 protected:
  LlamaServerFlagsTest() {
    CLI::App* serve = program_.add_subcommand("serve", "");
    serve->add_option("--port", port_);
    serve->add_option("--seed", port_);
    program_.add_subcommand("generate", "");
  }
  Arguments read(Arguments arguments) {
    notes_.clear();
    return without_llama_server_flags(std::move(arguments), program_, notes_);
  }
  CLI::App program_;
  std::string port_;
  std::vector<std::string> notes_;
};

TEST_F(LlamaServerFlagsTest, WhatIsAlwaysSoIsLeftOutWithoutAWord) {
  EXPECT_THAT(read({"serve", "--jinja", "--port", "1", "-cb"}), ElementsAre("serve", "--port", "1"));
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(LlamaServerFlagsTest, WhatIsCalledOtherwiseGetsOurName) {
  EXPECT_THAT(
      read({"serve", "--mlock", "-n", "5", "--no-webui", "--draft=3"}),
      ElementsAre("serve", "--load-mode", "mlock", "--max-answer-tokens", "5", "--no-dashboard", "--draft-max", "3"));
}

TEST_F(LlamaServerFlagsTest, SeveralOriginsAreSeveralFlags) {
  EXPECT_THAT(read({"serve", "--cors-origins", "http://a.example,http://b.example"}),
              ElementsAre("serve", "--cors-origin", "http://a.example,http://b.example"));
}

TEST_F(LlamaServerFlagsTest, HowModelsThinkAndHowLongTheyStayIsTaken) {
  EXPECT_THAT(read({"serve", "-rea", "off", "--sleep-idle-seconds", "60", "--reasoning-budget", "0"}),
              ElementsAre("serve", "--reasoning", "off", "--time-to-live", "60", "--reasoning-budget", "0"));
  EXPECT_THAT(read({"serve", "--chat-template-kwargs", R"({"enable_thinking": false})"}),
              ElementsAre("serve", "--chat-template-kwargs", R"({"enable_thinking": false})"));
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(LlamaServerFlagsTest, AFlagMayBeWrittenWithUnderscores) {
  EXPECT_THAT(read({"serve", "--n_predict", "5", "--no_webui", "--port=a_b", "--backend_sampling"}),
              ElementsAre("serve", "--max-answer-tokens", "5", "--no-dashboard", "--port=a_b"));
  EXPECT_THAT(notes_, ElementsAre(testing::HasSubstr("--backend-sampling has no meaning here")));
}

TEST_F(LlamaServerFlagsTest, WhatHasNoMeaningIsNamed) {
  EXPECT_THAT(read({"serve", "--numa", "distribute", "--top-k=3"}), ElementsAre("serve"));
  EXPECT_THAT(notes_, ElementsAre(testing::HasSubstr("--numa has no meaning here"), testing::HasSubstr("--top-k")));
}

TEST_F(LlamaServerFlagsTest, AFlagThatServeHasIsItsOwn) {
  EXPECT_THAT(read({"serve", "--seed", "3"}), ElementsAre("serve", "--seed", "3"));
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(LlamaServerFlagsTest, AdaptersCanBeThereWithoutEffect) {
  EXPECT_THAT(read({"serve", "--lora", "a.gguf", "--lora-init-without-apply", "--lora=b.gguf", "--lora-scaled",
                    "c:d.gguf:0.5", "--port", "1"}),
              ElementsAre("serve", "--lora-scaled=a.gguf:0", "--lora-scaled=b.gguf:0", "--lora-scaled=c:d.gguf:0",
                          "--port", "1"));
  EXPECT_THAT(read({"serve", "--lora", "a.gguf"}), ElementsAre("serve", "--lora", "a.gguf"));
  EXPECT_THAT(read({"serve", "--lora-init-without-apply"}), ElementsAre("serve"));
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(LlamaServerFlagsTest, NegativeCountsSayNothing) {
  EXPECT_THAT(read({"serve", "-n", "-1", "--parallel", "-1"}), ElementsAre("serve"));
}

TEST_F(LlamaServerFlagsTest, AnOlderFormHasNoValue) {
  EXPECT_THAT(read({"serve", "--flash-attn", "--port", "1"}),
              ElementsAre("serve", "--flash-attn", "on", "--port", "1"));
  EXPECT_THAT(read({"serve", "--flash-attn", "off"}), ElementsAre("serve", "--flash-attn", "off"));
}

TEST_F(LlamaServerFlagsTest, WhereTheRoutersModelsAreIsASource) {
  EXPECT_THAT(read({"serve", "--models-dir", "a/models", "--models-preset=b.ini", "--models-autoload"}),
              ElementsAre("serve", "a/models", "b.ini"));
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(LlamaServerFlagsTest, WhetherAValueFollowsIsKnownOfBothPrograms) {
  const CLI::App& serve = *program_.get_subcommand("serve");
  EXPECT_EQ(takes_value("--port", serve), true);
  EXPECT_EQ(takes_value("--models-dir", serve), true);
  EXPECT_EQ(takes_value("--jinja", serve), false);
  EXPECT_EQ(takes_value("--nothing", serve), std::nullopt);
}

TEST_F(LlamaServerFlagsTest, NothingIsDownloaded) {
  test::expect_error(ErrorCode::usage, "not downloaded here", [&] { return read({"serve", "-hf", "a/b"}); });
}

TEST_F(LlamaServerFlagsTest, OtherSubcommandsAreLeftAlone) {
  EXPECT_THAT(read({"generate", "--jinja"}), ElementsAre("generate", "--jinja"));
}

}  // namespace
}  // namespace plimsoll::app
