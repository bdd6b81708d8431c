#include "models_ini.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "expect_error.hpp"

namespace plimsoll::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class ModelsIniTest : public testing::Test {
 protected:
  ModelsIniTest() {
    serve_->add_option("-c,--ctx-size", text_);
    serve_->add_option("--gpu-layers", text_);
    serve_->add_flag("--no-repack", flag_);
  }
  std::vector<std::string> arguments(const std::string& keys) {
    return arguments_of(parse_models_ini("[one]\n" + keys).at(0), *serve_);
  }
  CLI::App program_;
  CLI::App* serve_ = program_.add_subcommand("serve", "");
  std::string text_;
  bool flag_ = false;
};

TEST_F(ModelsIniTest, ASectionIsAModel) {
  const auto models = parse_models_ini(
      "version = 1\r\n"
      "; two of them\r\n"
      "[org/Small-GGUF:Q8_0]  # the first\r\n"
      "model = /a/small.gguf ; a file\r\n"
      "\r\n"
      "[ big ]\n"
      "model=/a/big one.gguf\n"
      "load-on-startup = true\n"
      "stop-timeout = 5\n"
      "model = /a/bigger.gguf");
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0].name, "org/Small-GGUF:Q8_0");
  EXPECT_THAT(models[0].keys, ElementsAre(Pair("model", "/a/small.gguf")));
  EXPECT_FALSE(models[0].load_on_startup);
  EXPECT_EQ(models[1].name, "big");
  EXPECT_THAT(models[1].keys, ElementsAre(Pair("model", "/a/bigger.gguf")));
  EXPECT_TRUE(models[1].load_on_startup);
  EXPECT_THAT(parse_models_ini(""), IsEmpty());
}

TEST_F(ModelsIniTest, WhatIsForAllGivesWay) {
  const auto models = parse_models_ini("[one]\nc = 1\n[*]\nc = 2\ntemp = 0\n[two]\ntemp = 1\n");
  ASSERT_EQ(models.size(), 2U);
  EXPECT_THAT(models[0].keys, ElementsAre(Pair("c", "1"), Pair("temp", "0")));
  EXPECT_THAT(models[1].keys, ElementsAre(Pair("temp", "1"), Pair("c", "2")));
}

TEST_F(ModelsIniTest, WhatIsWrongIsSaidWithItsLine) {
  test::expect_error(ErrorCode::usage, "line 2: neither", [] { return parse_models_ini("[a]\nmodel\n"); });
  test::expect_error(ErrorCode::usage, "line 1: a section", [] { return parse_models_ini("[a\n"); });
  test::expect_error(ErrorCode::usage, "line 1: a key in front", [] { return parse_models_ini("model = a\n[a]\n"); });
  test::expect_error(ErrorCode::usage, "there is no key 'modle'", [&] { return arguments("modle = a"); });
}

TEST_F(ModelsIniTest, KeysAreFlagsOfServeOrOfLlamaServer) {
  EXPECT_THAT(arguments("c = 512\nngl = 3\nspec-type = ngram"),
              ElementsAre("-c", "512", "--gpu-layers", "3", "--spec-type", "ngram"));
}

TEST_F(ModelsIniTest, TheFileStandsBeforeWhatBelongsToIt) {
  serve_->add_option("-m,--model", text_);
  serve_->add_option("--mmproj", text_);
  EXPECT_THAT(arguments("mmproj = p.gguf\nm = a.gguf"), ElementsAre("-m", "a.gguf", "--mmproj", "p.gguf"));
}

TEST_F(ModelsIniTest, YesAndNoAreFlagsAndTheirOpposites) {
  EXPECT_THAT(arguments("jinja = true\nmlock = false"), ElementsAre("--jinja"));
  EXPECT_THAT(arguments("repack = false"), ElementsAre("--no-repack"));
  EXPECT_THAT(arguments("no-repack = 0"), ElementsAre("--repack"));
  EXPECT_THAT(arguments("no-repack = on"), ElementsAre("--no-repack"));
}

TEST_F(ModelsIniTest, TheNameTellsWhatAFileIs) {
  EXPECT_TRUE(is_models_ini("a/models.INI"));
  EXPECT_FALSE(is_models_ini("a/ini.toml"));
}

}  // namespace
}  // namespace plimsoll::app
