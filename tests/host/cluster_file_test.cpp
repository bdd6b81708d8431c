// Clusters as files, and the fleet files that a placement makes of them.
#include "host/cluster_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/fleet_file.hpp"

#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::host {
namespace {

using plimsoll::test::expect_error;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kTwoNodes = R"(
[[kind]]
name = "h100"
plan-on = "CUDA0"
runtime = "550MiB"
[[node]]
name = "rack1"
host = "100GiB"
[[node.device]]
name = "CUDA0"
kind = "h100"
budget = "76GiB"
[[node.device]]
name = "CUDA1"
kind = "h100"
budget = "70GiB"
down = true
[[node]]
name = "desk"
host = "8GiB"
[[model]]
name = "chat"
path = "m/chat.gguf"
lora = ["m/a.gguf"]
ctx-size = 4096
priority = 3
replicas = 2
use = 2.5
kinds = ["h100", "host"]
prefer = ["rack1"]
avoid = ["desk"]
)";

std::vector<std::string> wrong(const std::string& text) {
  std::vector<std::string> out;
  if (const auto file = parse_cluster(text, "."); !file) {
    for (const ConfigFileError& error : file.error()) out.push_back(std::to_string(error.line) + ": " + error.message);
  }
  return out;
}

TEST(ClusterFileTest, ReadsKindsNodesAndModels) {
  const auto file = parse_cluster(kTwoNodes, "/c");
  ASSERT_TRUE(file) << testing::PrintToString(wrong(kTwoNodes));
  EXPECT_EQ(file->kinds.at(0).plan_on, "CUDA0");
  EXPECT_EQ(file->kinds.at(0).runtime, 550_MiB);
  const place::Node& rack = file->cluster.nodes.at(0);
  EXPECT_EQ(rack.devices.at(0), (place::Device{.name = "CUDA0", .kind = "h100", .budget = 76_GiB}));
  EXPECT_TRUE(rack.devices.at(1).is_down);
  const place::Model& chat = file->cluster.models.at(0);
  EXPECT_EQ(chat.replicas, 2U);
  EXPECT_EQ(chat.priority, 3);
  EXPECT_DOUBLE_EQ(chat.use, 2.5);
  EXPECT_THAT(chat.prefer, ElementsAre("rack1"));
  EXPECT_THAT(chat.avoid, ElementsAre("desk"));
  EXPECT_THAT(file->models.at(0).kinds, ElementsAre("h100", "host"));
  EXPECT_EQ(file->models.at(0).model.request.dry_run.model.path, "/c/m/chat.gguf");
}

TEST(ClusterFileTest, EverythingThatIsWrongIsToldAtOnceWithItsPlace) {
  EXPECT_THAT(
      wrong("[[node]]\nname = \"n\"\ncolour = 1\n[[node.device]]\nname = \"CUDA0\"\nbudget = \"many\"\n[[model]]\nname "
            "= \"a\"\n"
            "replicas = -1\ndevice = \"CUDA0\"\npath = \"a.gguf\"\nnodes = 3\n[extra]\n"),
      ElementsAre(HasSubstr("1: a node has no 'host'"), HasSubstr("3: unknown key 'colour' of a node"),
                  HasSubstr("4: a device has no 'kind'"), HasSubstr("6: 'budget'"),
                  HasSubstr("7: the device of a model follows from its place"), HasSubstr("9: 'replicas' is -1"),
                  HasSubstr("12: unknown key 'nodes' of a model"), HasSubstr("13: unknown key 'extra' of a cluster")));
  EXPECT_THAT(wrong("[[node]]\nname=\"n\"\nhost=\"1GiB\"\n[[node]]\nname=\"n\"\nhost=\"1GiB\"\n[[node.device]]\nname="
                    "\"d\"\nkind=\"x\"\nbudget=\"1GiB\"\n"
                    "[[model]]\nname=\"a\"\npath=\"a.gguf\"\nkinds=[\"tpu\"]\nprefer=[\"m\"]\n"),
              testing::IsSupersetOf({HasSubstr("kind 'x', which no [[kind]] declares"),
                                     HasSubstr("kind 'tpu', which no [[kind]] declares"),
                                     HasSubstr("two nodes are called 'n'"), HasSubstr("names node 'm'")}));
  EXPECT_THAT(wrong("[[kind]]\nname = \"host\"\nplan-on = \"CPU\"\n"), ElementsAre(HasSubstr("needs no table")));
  EXPECT_THAT(wrong("[[node]"), ElementsAre(HasSubstr("1: ")));
}

TEST(ClusterFileTest, AWrongFileIsCalledACluster) {
  const plimsoll::test::TemporaryFolder folder;
  expect_error(ErrorCode::usage, "1 thing is wrong with this cluster file\n  ",
               [&] { (void)read_cluster(folder.write("cluster.toml", "[[node]")); });
  expect_error(ErrorCode::io, "the cluster file '", [&] { (void)read_cluster(folder.path()); });
}

TEST(ClusterFileTest, ANodesFleetFileHasItsBudgetsAndItsModelsOnTheirDevices) {
  const auto file = parse_cluster(kTwoNodes, "/c");
  ASSERT_TRUE(file);
  const place::Placement placement{
      .placed = {{.model = "chat", .node = "rack1", .device = "CUDA0", .need = {.kind = "h100"}},
                 {.model = "chat", .replica = 1, .node = "rack1", .need = {}}}};
  const std::string text = fleet_file_of(*file, placement, file->cluster.nodes[0]);
  EXPECT_THAT(text, Not(HasSubstr("replicas")));
  const auto fleet = parse_fleet(text, "/somewhere/else");
  ASSERT_TRUE(fleet) << text;
  ASSERT_EQ(fleet->models.size(), 2U);
  EXPECT_EQ(fleet->models[0].request.name, "chat");
  EXPECT_EQ(fleet->models[1].request.name, "chat-2");
  EXPECT_THAT(fleet->models[0].request.dry_run.model.devices, ElementsAre("CUDA0"));
  EXPECT_THAT(fleet->models[1].request.dry_run.model.devices, ElementsAre("none"));
  EXPECT_EQ(fleet->models[0].request.dry_run.model.path, "/c/m/chat.gguf");
  EXPECT_EQ(fleet->models[0].request.dry_run.adapters.at(0).path, "/c/m/a.gguf");
  EXPECT_EQ(fleet->models[0].request.dry_run.context.n_ctx, 4096U);
  EXPECT_TRUE(fleet->models[0].load_at_start);
  EXPECT_EQ(fleet->budgets.size(), 2U);  // of what is up
  EXPECT_EQ(fleet_file_of(*file, placement, file->cluster.nodes[1]), "");
}

}  // namespace
}  // namespace plimsoll::host
