// Which model goes where.
#include "place/placement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "place/placement_text.hpp"

#include "expect_error.hpp"

namespace plimsoll::place {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::HasSubstr;

Node node(const std::string& name, std::vector<Bytes> cards, Bytes host = 64_GiB) {
  Node out{.name = name, .host = host};
  for (const Bytes card : cards)
    out.devices.push_back({.name = "CUDA" + std::to_string(out.devices.size()), .kind = "a", .budget = card});
  return out;
}

Model model(const std::string& name, Bytes device, int priority = 0) {
  Model out{.name = name, .priority = priority};
  out.needs = {{.kind = "a", .device = device, .host = 1_GiB}};
  return out;
}

std::vector<std::string> places(const Placement& placement) {
  std::vector<std::string> out;
  for (const Placed& one : placement.placed)
    out.push_back(one.model + (one.replica > 0 ? "#" + std::to_string(one.replica) : "") + "@" + one.node +
                  (one.device.empty() ? "" : "/" + one.device));
  return out;
}

TEST(PlacementTest, EachGoesWhereTheLeastStaysFree) {
  const Cluster cluster{.nodes = {node("n1", {24_GiB}), node("n2", {80_GiB})},
                        .models = {model("small", 20_GiB), model("large", 60_GiB), model("tiny", 18_GiB)}};
  EXPECT_THAT(places(place(cluster)), ElementsAre("small@n2/CUDA0", "large@n2/CUDA0", "tiny@n1/CUDA0"));
  EXPECT_EQ(place(cluster).taken, 98_GiB);
}

TEST(PlacementTest, TheHighestPriorityComesFirstThenWhatIsUsedMost) {
  Cluster cluster{.nodes = {node("n", {24_GiB})},
                  .models = {model("a", 20_GiB), model("b", 20_GiB, 1), model("c", 20_GiB)}};
  EXPECT_THAT(places(place(cluster)), ElementsAre("b@n/CUDA0"));
  cluster.models[1].priority = 0;
  cluster.models[2].use = 7;
  EXPECT_THAT(places(place(cluster)), ElementsAre("c@n/CUDA0"));
}

TEST(PlacementTest, HostMemoryIsHeldToo) {
  const Cluster cluster{.nodes = {node("n", {24_GiB, 24_GiB}, 1_GiB)},
                        .models = {model("a", 4_GiB), model("b", 4_GiB)}};
  const Placement placement = place(cluster);
  ASSERT_EQ(placement.missing.size(), 1U);
  EXPECT_THAT(to_sentence(placement.missing[0].ways_out.back()), HasSubstr("lacks 1.00 GiB of host memory"));
}

TEST(PlacementTest, ReplicasStandOnDifferentNodes) {
  Cluster cluster{.nodes = {node("n1", {24_GiB, 24_GiB}), node("n2", {24_GiB})}, .models = {model("a", 4_GiB)}};
  cluster.models[0].replicas = 2;
  EXPECT_THAT(places(place(cluster)), ElementsAre("a@n1/CUDA0", "a#1@n2/CUDA0"));
  cluster.models[0].replicas = 3;  // more than nodes
  EXPECT_EQ(place(cluster).placed.size(), 3U);
  cluster.models[0].replicas = 2;
  cluster.models[0].avoid = {"n2"};
  const Placement placement = place(cluster);
  ASSERT_EQ(placement.missing.size(), 1U);
  EXPECT_EQ(placement.missing[0].ways_out.front().kind, WayOut::Kind::other_node);
}

TEST(PlacementTest, PreferredNodesComeFirstWhereThereIsAChoice) {
  Cluster cluster{.nodes = {node("n1", {24_GiB}), node("n2", {80_GiB})},
                  .models = {model("a", 20_GiB), model("b", 70_GiB)}};
  cluster.models[0].prefer = {"n2"};
  EXPECT_THAT(places(place(cluster)), ElementsAre("a@n1/CUDA0", "b@n2/CUDA0"));  // b needs it
  cluster.models.pop_back();
  EXPECT_THAT(places(place(cluster)), ElementsAre("a@n2/CUDA0"));
}

TEST(PlacementTest, AModelGoesToAnyKindThatItWasPlannedForOrToAHost) {
  Cluster cluster{.nodes = {node("n1", {4_GiB}), {.name = "n2", .host = 64_GiB}}, .models = {model("a", 20_GiB)}};
  cluster.models[0].needs.push_back({.kind = "", .host = 22_GiB});
  EXPECT_THAT(places(place(cluster)), ElementsAre("a@n1"));
  EXPECT_EQ(place(cluster).taken, 22_GiB);
}

TEST(PlacementTest, NothingMovesWithoutNeed) {
  Cluster cluster{.nodes = {node("n1", {24_GiB}), node("n2", {80_GiB})},
                  .models = {model("a", 20_GiB), model("b", 20_GiB)}};
  const std::vector<Placed> before = place(cluster).placed;
  cluster.models.push_back(model("c", 24_GiB));  // it would have had n1
  const Placement after = place(cluster, before);
  EXPECT_THAT(places(after), ElementsAre("a@n1/CUDA0", "b@n2/CUDA0", "c@n2/CUDA0"));
  EXPECT_EQ(after.moved, 0_B);
  EXPECT_FALSE(after.placed[0].is_new);
  EXPECT_TRUE(after.placed[2].is_new);
}

TEST(PlacementTest, WhatALostNodeHeldGoesElsewhereAndComesBackWithoutMovingOthers) {
  Cluster cluster{.nodes = {node("n1", {24_GiB}), node("n2", {24_GiB}), node("n3", {24_GiB})},
                  .models = {model("a", 10_GiB), model("b", 10_GiB), model("c", 10_GiB)}};
  for (Model& one : cluster.models) one.prefer = {one.name == "a" ? "n1" : one.name == "b" ? "n2" : "n3"};
  const std::vector<Placed> before = place(cluster).placed;
  cluster.nodes[0].is_down = true;
  const Placement lost = place(cluster, before);
  EXPECT_EQ(lost.moved, 10_GiB);
  EXPECT_EQ(lost.had_to_move, 10_GiB);
  EXPECT_TRUE(lost.missing.empty());
  EXPECT_NE(lost.placed[0].node, "n1");
  cluster.nodes[0].is_down = false;
  EXPECT_EQ(place(cluster, lost.placed).moved, 0_B);
}

TEST(PlacementTest, ALowerPriorityGoesForWhatHasLostItsPlace) {
  Cluster cluster{.nodes = {node("n1", {24_GiB}), node("n2", {24_GiB})},
                  .models = {model("a", 20_GiB, 5), model("b", 12_GiB), model("c", 10_GiB)}};
  cluster.models[0].prefer = {"n1"};
  const std::vector<Placed> before = place(cluster).placed;
  ASSERT_THAT(places({.placed = before}), ElementsAre("a@n1/CUDA0", "b@n2/CUDA0", "c@n2/CUDA0"));
  cluster.nodes[0].is_down = true;
  const Placement after = place(cluster, before);
  EXPECT_THAT(places(after), ElementsAre("a@n2/CUDA0"));
  EXPECT_EQ(after.missing.size(), 2U);
  EXPECT_EQ(after.moved, 20_GiB);
  EXPECT_EQ(after.stopped, 22_GiB);
}

TEST(PlacementTest, ASmallOneMovesForALargeOneThatHasLostItsPlace) {
  Cluster cluster{.nodes = {node("n1", {24_GiB}), node("n2", {24_GiB}), node("n3", {8_GiB})},
                  .models = {model("large", 23_GiB), model("small", 2_GiB)}};
  cluster.models[1].prefer = {"n2"};
  const std::vector<Placed> before = place(cluster).placed;
  ASSERT_THAT(places({.placed = before}), ElementsAre("large@n1/CUDA0", "small@n2/CUDA0"));
  cluster.nodes[0].is_down = true;
  const Placement after = place(cluster, before);
  EXPECT_THAT(places(after), ElementsAre("large@n2/CUDA0", "small@n3/CUDA0"));
  EXPECT_LE(after.moved.value(), after.had_to_move.value() * 11 / 10);
}

TEST(PlacementTest, WhatDoesNotFitSaysWhatWould) {
  Cluster cluster{.nodes = {node("n1", {24_GiB}), node("n2", {16_GiB})},
                  .models = {model("a", 20_GiB, 1), model("b", 20_GiB)}};
  cluster.models[1].others = {{.flags = "-c 32768", .need = {.kind = "a", .device = 17_GiB, .host = 1_GiB}},
                              {.flags = "-c 8192", .need = {.kind = "a", .device = 15_GiB, .host = 1_GiB}}};
  std::vector<std::string> ways;
  for (const WayOut& way : place(cluster).missing.at(0).ways_out) ways.push_back(to_sentence(way));
  EXPECT_THAT(ways, ElementsAre("with -c 8192 it fits on CUDA0 of n2",
                                "4.00 GiB less would fit on CUDA0 of n2, where most is free"));
  cluster.models[1].priority = 1;
  cluster.models[1].use = 0.5;
  ways.clear();
  for (const WayOut& way : place(cluster).missing.at(0).ways_out) ways.push_back(to_sentence(way));
  EXPECT_THAT(ways, testing::Contains("it fits on CUDA0 of n1 in the place of a"));
}

TEST(PlacementTest, ContradictionsAreNamedTogether) {
  Cluster cluster{.nodes = {node("n", {24_GiB}), node("n", {24_GiB})},
                  .models = {model("a", 1_GiB), model("a", 1_GiB)}};
  cluster.models[0].prefer = {"nowhere"};
  cluster.models[1].needs[0].kind = "tpu";
  expect_error(ErrorCode::usage, "two nodes are called 'n'; 'a' names node 'nowhere'", [&] { (void)place(cluster); });
  expect_error(ErrorCode::usage, "of kind 'tpu', and no node has one", [&] { (void)place(cluster); });
  EXPECT_TRUE(place(Cluster{}).placed.empty());
}

// They become words of fleet files, in which these mean something else.
TEST(PlacementTest, NamesThatAreNoDevicesAreSaid) {
  for (const char* name : {"", "CUDA0,CUDA1", "a b", "CUDA0=1GiB", "a\nb", "\"a\""}) {
    Cluster cluster{.nodes = {node("n", {24_GiB})}, .models = {model("a", 1_GiB)}};
    cluster.nodes[0].devices[0].name = name;
    EXPECT_THAT(contradictions(cluster), ElementsAre(HasSubstr("is not the name of one device"))) << name;
  }
  for (const char* name : {"none", "CPU", "cpu"}) {
    Cluster cluster{.nodes = {node("n", {24_GiB})}, .models = {model("a", 1_GiB)}};
    cluster.nodes[0].devices[0].name = name;
    EXPECT_THAT(contradictions(cluster), ElementsAre(HasSubstr("of the node's own memory 'host' tells"))) << name;
  }
  Cluster cluster{.nodes = {node("n", {24_GiB})}, .models = {model("a", 1_GiB)}};
  cluster.nodes[0].devices[0].name = "RPC0[10.0.0.2:50052]";
  EXPECT_THAT(contradictions(cluster), testing::IsEmpty());
}

TEST(PlacementTest, OneHostUnderTwoNamesIsSaid) {
  Cluster cluster{.nodes = {node("rack1", {24_GiB}), node("n2", {24_GiB})}, .models = {model("a", 1_GiB)}};
  cluster.nodes[1].address = "RACK1";
  EXPECT_THAT(contradictions(cluster), ElementsAre("nodes 'rack1' and 'n2' have the same address"));
  cluster.nodes[1] = node("Rack1", {24_GiB});
  EXPECT_THAT(contradictions(cluster), ElementsAre("nodes 'rack1' and 'Rack1' have the same address"));
  cluster.nodes[0].address = "10.0.0.1";
  EXPECT_THAT(contradictions(cluster), testing::IsEmpty());
}

TEST(PlacementTest, AmountsOfAnEarlierPlacementAreAmounts) {
  const auto placed = [](const std::string& replica, const std::string& bytes) {
    return R"({"schema": "plimsoll.placement/1", "placed": [{"model": "a", "node": "n", "device": null, "kind": "host",
               "device_bytes": 0, "replica": )" +
           replica + R"(, "host_bytes": )" + bytes + "}]}";
  };
  EXPECT_EQ(placed_of_json(placed("1", "5")).at(0).need.host, 5_B);
  for (const char* wrong : {"-1", "1.5", "1e300", "\"1\"", "null", "18446744073709551616"}) {
    expect_error(ErrorCode::usage, "it is not a placement", [&] { (void)placed_of_json(placed("0", wrong)); });
    expect_error(ErrorCode::usage, "it is not a placement", [&] { (void)placed_of_json(placed(wrong, "5")); });
  }
}

// A kind of which every device is down is a kind all the same.
TEST(PlacementTest, WhereEverythingIsDownNothingIsPlaced) {
  Cluster cluster{.nodes = {node("n", {24_GiB})}, .models = {model("a", 1_GiB)}};
  cluster.nodes[0].devices[0].is_down = true;
  EXPECT_EQ(place(cluster).missing.size(), 1U);
  cluster.nodes[0].is_down = true;
  EXPECT_EQ(place(cluster).missing.size(), 1U);
}

}  // namespace
}  // namespace plimsoll::place
