#include "model_names.hpp"

#include <gtest/gtest.h>

#include "api/problem.hpp"

namespace plimsoll::server {
namespace {

host::FleetModel model(const std::string& name, std::vector<std::string> aliases = {}) {
  host::FleetModel one;
  one.request.name = name;
  one.aliases = std::move(aliases);
  return one;
}

host::Fleet fleet() {
  host::Fleet out;
  out.models = {model("Mate-Chat", {"gpt-4"}), model("bosun")};
  out.models[1].presets = {{.name = "bosun-brief", .aliases = {"brief"}}};
  return out;
}

NamedModel named(const host::Fleet& all, const std::string& name) {
  return model_named(std::make_shared<const host::Fleet>(all), name);
}

std::string answers(const host::Fleet& all, const std::string& name) { return named(all, name).name(); }

TEST(ModelNamesTest, NamesAliasesAndPresets) {
  const host::Fleet all = fleet();
  for (const char* name : {"", "default", "Mate-Chat", "mate-chat", "gpt-4", "GPT-4", "mate-chat:latest",
                           "/a/b/mate-chat.gguf", "org/Mate-Chat", "Mate-Chat.GGUF", "gpt-4:latest"})
    EXPECT_EQ(answers(all, name), "Mate-Chat") << name;
  for (const char* name : {"bosun-brief", "brief", "Brief:latest"})
    EXPECT_EQ(answers(all, name), "bosun-brief") << name;
  EXPECT_EQ(named(all, "brief").model->request.name, "bosun");
  EXPECT_THROW((void)named(all, "kraken"), api::Problem);
}

TEST(ModelNamesTest, ANameIsTakenAsItIsBeforeItIsTakenApart) {
  host::Fleet all;
  all.models = {model("a"), model("A"), model("x/a"), model("default"), model("b:latest"), model("b")};
  EXPECT_EQ(named(all, "A").model->request.name, "A");
  EXPECT_EQ(named(all, "x/a").model->request.name, "x/a");
  EXPECT_EQ(answers(all, "default"), "default");
  EXPECT_EQ(answers(all, "b:latest"), "b:latest");
  all.models = {model("a1"), model("A1"), model("c")};
  EXPECT_EQ(answers(all, "A1"), "A1");
  all.models[1].request.name = "a1x";
  all.models[2].request.name = "A1X";
  EXPECT_THROW((void)named(all, "a1X"), api::Problem);  // whom?
}

TEST(ModelNamesTest, AFleetOfOneAnswersToAnyName) {
  host::Fleet one;
  one.models = {model("mate")};
  for (const char* name : {"kraken", "gpt-4o", "", ":latest", "/", "a/"}) EXPECT_EQ(answers(one, name), "mate") << name;
}

TEST(ModelNamesTest, WhatIsNamedStaysWhateverBecomesOfTheFleet) {
  NamedModel found;
  {
    const auto fleet_of_now = std::make_shared<const host::Fleet>(fleet());
    found = model_named(fleet_of_now, "brief");
  }
  EXPECT_EQ(found.name(), "bosun-brief");
  EXPECT_EQ(found.model->request.name, "bosun");
}

}  // namespace
}  // namespace plimsoll::server
