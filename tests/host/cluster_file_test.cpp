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
using testing::Contains;
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

TEST(ClusterFileTest, ReadsHowItIsServed) {
  const std::string text = std::string(kTwoNodes) + R"(
[[node]]
name = "rack2"
address = "fd00::2"
cpus = 16
host = "8GiB"
[serve]
program = "/opt/plim soll"
options = ["--host-name", "models.example"]
port = 81
replica-ports = 30000
front-port = 80
front-certificate = "/etc/haproxy/models.pem"
beside = "64MiB"
partition = "gpu,cpu"
image = "registry.example:5000/plimsoll:1"
namespace = "models"
runtime-class = "nvidia"
)";
  const auto file = parse_cluster(text, "/c");
  ASSERT_TRUE(file) << testing::PrintToString(wrong(text));
  EXPECT_EQ(file->cluster.nodes.at(2).address, "fd00::2");
  EXPECT_EQ(file->cluster.nodes.at(2).cpus, 16U);
  EXPECT_EQ(file->serving, (place::Serving{.program = "/opt/plim soll",
                                           .options = {"--host-name", "models.example"},
                                           .port = 81,
                                           .first_port = 30'000,
                                           .front_port = 80,
                                           .front_certificate = "/etc/haproxy/models.pem",
                                           .beside = 64_MiB,
                                           .partition = "gpu,cpu",
                                           .image = "registry.example:5000/plimsoll:1",
                                           .name_space = "models",
                                           .runtime_class = "nvidia"}));
}

TEST(ClusterFileTest, WhatIsWrongWithHowItIsServed) {
  EXPECT_THAT(wrong("[serve]\nport = 70000\nreplica-ports = 60000\npartition = \"a b\"\nimage = \"x\\ny\"\noptions = "
                    "[\"--port=1\"]\n"
                    "program = \"\"\nbeside = \"some\"\ncolour = 1\n"),
              testing::UnorderedElementsAre(
                  HasSubstr("2: 'port' is 70000"), HasSubstr("3: 'replica-ports' is 60000, and must be 1 to 55536"),
                  HasSubstr("4: 'partition' does not know 'a b'"), HasSubstr("5: 'image' does not know"),
                  HasSubstr("6: 'options' cannot have '--port'"), HasSubstr("1: 'program' is empty"),
                  HasSubstr("8: 'beside'"), HasSubstr("9: unknown key 'colour' of 'serve'")));
}

TEST(ClusterFileTest, WhatNoMachineIsCalledAndWhatNoServerTakes) {
  const auto of = [](const std::string& node, const std::string& model) {
    return wrong("[[node]]\nname = \"" + node +
                 "\"\nhost = \"1GiB\"\n[[model]]\nkinds = [\"host\"]\npath = \"a.gguf\"\nname = \"" + model + "\"\n");
  };
  EXPECT_THAT(of("n", "m"), testing::IsEmpty());
  for (const char* name : {"../etc/cron.d/n", "a b", "-n", "n\\n", "n[1-3]"})
    EXPECT_THAT(of(name, "m"), ElementsAre(HasSubstr("is not a host's"))) << name;
  EXPECT_THAT(of("n", "group:b"), ElementsAre(HasSubstr("begins with 'group:'")));
  EXPECT_THAT(wrong("[[node]]\nname = \"n\"\nhost = \"200\"\n[[model]]\nkinds = [\"host\"]\npath = \"a.gguf\"\n"),
              ElementsAre(HasSubstr("'host' of node 'n' is 200 B; is its unit missing, as in \"200GiB\"?")));
  EXPECT_THAT(wrong(std::string(kTwoNodes).replace(std::string_view(kTwoNodes).find("550MiB"), 6, "550") +
                    "[serve]\nbeside = \"256\"\n"),
              testing::UnorderedElementsAre(
                  HasSubstr("'runtime' of kind 'h100' is 550 B; is its unit missing, as in \"550GiB\"?"),
                  HasSubstr("'beside' of [serve] is 256 B; is its unit missing")));
  EXPECT_THAT(wrong("[[kind]]\nname = \"\"\nplan-on = \"A\"\n"), Contains(HasSubstr("1: a kind has no name")));
  EXPECT_THAT(wrong("[[node]]\nname = \"n\"\nhost = \"1GiB\"\naddress = \"a;b\"\n[[model]]\nkinds = [\"host\"]\npath = "
                    "\"a.gguf\"\n"),
              ElementsAre(HasSubstr("the address of node 'n'")));
  EXPECT_THAT(wrong("[[node]]\nname = \"n\"\nhost = \"1GiB\"\naddress = \"x\"\n[[node]]\nname = \"m\"\nhost = "
                    "\"1GiB\"\naddress = "
                    "\"x\"\n[[model]]\nkinds = [\"host\"]\npath = \"a.gguf\"\n"),
              ElementsAre(HasSubstr("nodes 'n' and 'm' have the same address")));
  EXPECT_THAT(wrong("[[kind]]\nname = \"c\"\nplan-on = \"CPU\"\n"),
              Contains(HasSubstr("1: kind 'c' is to be planned on 'CPU'; for")));
  EXPECT_THAT(wrong("[[kind]]\nname = \"c\"\nplan-on = \"A\"\n[[kind]]\nname = \"c\"\nplan-on = \"B\"\n"),
              Contains(HasSubstr("two kinds are called 'c'")));
  EXPECT_THAT(wrong("[[node]]\nname = \"n\"\nhost = \"1GiB\"\n[[model]]\npath = \"a.gguf\"\n"),
              ElementsAre(HasSubstr("'a' may go nowhere: there is no [[kind]]")));
  EXPECT_THAT(wrong("serve = 3\n"), Contains(HasSubstr("1: 'serve' ")));
  EXPECT_THAT(wrong(""), ElementsAre(HasSubstr("there is no model in this cluster"), HasSubstr("there is no node")));
  EXPECT_THAT(wrong("[[node]]\nname = \"n\"\nhost = \"1GiB\"\n[[model]]\nkinds = [\"host\"]\npath = \"a.gguf\"\nname = "
                    "\"m\"\n[[model]]\nkinds = [\"host\"]\npath = \"b.gguf\"\nname = "
                    "\"m\"\n"),
              ElementsAre(HasSubstr("two models are called 'm'")));  // once
}

TEST(ClusterFileTest, AServerOfOneReplicaMayHaveWhatItsPlanTakes) {
  const auto file = parse_cluster(kTwoNodes, "/c");
  ASSERT_TRUE(file);
  const place::Placed replica{.model = "chat",
                              .node = "rack1",
                              .device = "CUDA0",
                              .need = {.kind = "h100", .device = Bytes{20'000'000'001}, .host = 3_GiB}};
  const place::ServedFleet served = fleet_file_of(*file, replica);
  const auto fleet = parse_fleet(served.text, "/somewhere/else");
  ASSERT_TRUE(fleet) << served.text;
  ASSERT_EQ(fleet->budgets.size(), 2U);
  EXPECT_THAT(served.text, HasSubstr("CUDA0=20000000001"));
  EXPECT_THAT(served.text, HasSubstr("CPU=3221225472"));
  EXPECT_EQ(fleet->models.at(0).request.name, "chat");
  EXPECT_TRUE(fleet->models[0].load_at_start);
  place::Placed measured = replica;
  measured.need.device = Bytes{19'000'000'000};
  EXPECT_EQ(fleet_file_of(*file, measured).settings, served.settings);
  EXPECT_NE(fleet_file_of(*file, measured).text, served.text);
}

TEST(ClusterFileTest, WhatOtherProgramsAreToldOfAModel) {
  const auto file = parse_cluster(
      "[[node]]\nname = \"n\"\nhost = \"1GiB\"\n[[model]]\nkinds = [\"host\"]\nname = \"m\"\npath = \"a/m.gguf\"\nlora "
      "= "
      "[\"/b/l.gguf\"]\nparallel = 3\nthreads = "
      "5\naliases = [\"x\"]\n[[model.preset]]\nname = \"p\"\naliases = [\"q\"]\n",
      "/c");
  ASSERT_TRUE(file);
  const place::ServedCluster served = served_cluster(*file, {.placed = {{.model = "m", .node = "n"}}});
  EXPECT_EQ(served.models.at(0),
            (place::ServedModel{.names = {"x", "p", "q"}, .slots = 3, .threads = 5, .folders = {"/c/a", "/b"}}));
  EXPECT_EQ(served.fleets.size(), 1U);
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
