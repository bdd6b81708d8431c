// A placement as the files of other programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "place/haproxy.hpp"
#include "place/kubernetes.hpp"
#include "place/slurm.hpp"

#include "expect_error.hpp"
#include "golden.hpp"
#include "serving_names.hpp"
#include "shell.hpp"

namespace plimsoll::place {
namespace {

using test::expect_error;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Two racks with cards and a desk without; a model with two replicas, one with a name that is no word, one on a host.
ServedCluster three_nodes() {
  ServedCluster out;
  const auto rack = [](const std::string& name, const std::string& address) {
    return Node{.name = name,
                .host = 200_GiB,
                .devices = {{.name = "CUDA0", .kind = "h100", .budget = 76_GiB},
                            {.name = "CUDA1", .kind = "h100", .budget = 78_GiB}},
                .address = address,
                .cpus = 32};
  };
  out.cluster.nodes = {
      rack("rack1", "10.0.0.1"), rack("rack2", "10.0.0.2"), {.name = "desk", .host = 40_GiB, .cpus = 8}};
  out.cluster.nodes[1].devices[1].is_down = true;
  const Need on_card{.kind = "h100", .device = Bytes{16'106'127'361}, .host = 700_MiB};
  const Need on_host{.host = Bytes{5'000'000'001}};
  out.cluster.models = {{.name = "chat", .needs = {on_card}, .replicas = 2},
                        {.name = "Org/Code: 7B \"q4\"", .needs = {on_card}, .avoid = {"rack2"}},
                        {.name = "embed", .needs = {on_host}}};
  out.models = {{.names = {"helper", "HELPER-2"}, .slots = 8, .threads = 4, .folders = {"/models"}},
                {.slots = 1, .threads = 1, .folders = {"/models", "/more models"}},
                {.names = {"vectors"}, .slots = 4, .threads = 8, .folders = {"/models"}}};
  out.placement = place(out.cluster);
  for (const Placed& one : out.placement.placed) {
    const std::string settings = "[[model]]\nname = \"" + one.model.substr(0, 4) + "\"\n";
    out.fleets.push_back({.text = "budgets = []\n" + settings, .settings = settings});
  }
  out.serving.options = {"--api-key-file", "/etc/plimsoll/it's keys"};
  out.serving.image = "registry.example/plimsoll:1";
  return out;
}

std::string joined(const std::vector<RenderedFile>& files) {
  std::string out;
  for (const RenderedFile& file : files) out += "=== " + file.name + (file.is_program ? " *" : "") + "\n" + file.text;
  return out;
}

std::string text_of(const std::vector<RenderedFile>& files, const std::string& name) {
  for (const RenderedFile& file : files) {
    if (file.name == name) return file.text;
  }
  ADD_FAILURE() << "there is no " << name;
  return {};
}

TEST(RenderingTest, JobsOfSlurm) { expect_golden("place/golden/slurm.txt", joined(slurm_files(three_nodes()))); }

TEST(RenderingTest, HaproxyBeforeJobs) {
  expect_golden("place/golden/haproxy.txt", joined(haproxy_files(three_nodes(), ServedBy::slurm)));
}

TEST(RenderingTest, ManifestsOfKubernetes) {
  expect_golden("place/golden/kubernetes.txt", joined(kubernetes_files(three_nodes())));
}

// Kubernetes puts variables' values into commands.
TEST(RenderingTest, WordsOfACommandStayAsTheyAreInKubernetes) {
  ServedCluster served = three_nodes();
  served.serving.options = {"--api-key", "a$$b$(HOME)"};
  EXPECT_THAT(text_of(kubernetes_files(served), "models.yaml"), HasSubstr("\"a$$$$b$$(HOME)\"\n"));
}

TEST(RenderingTest, HaproxyBeforeNodesHasThoseThatHaveTheModel) {
  const std::string text = text_of(haproxy_files(three_nodes(), ServedBy::nodes), "haproxy.cfg");
  EXPECT_THAT(text, HasSubstr("    server rack1 10.0.0.1:8080 check\n    server rack2 10.0.0.2:8080 check\n"));
  EXPECT_THAT(text, HasSubstr("    server desk desk:8080 check\n"));
  EXPECT_THAT(text, Not(HasSubstr("\"failed\"")));  // one model of a node that fails is not the others'
}

TEST(RenderingTest, HaproxyWithACertificate) {
  ServedCluster served = three_nodes();
  served.serving.front_certificate = "/etc/haproxy/models.pem";
  EXPECT_THAT(text_of(haproxy_files(served, ServedBy::nodes), "haproxy.cfg"),
              HasSubstr("    bind :8000 ssl crt /etc/haproxy/models.pem\n"));
}

TEST(RenderingTest, HaproxyBeforePodsAsksForTheirAddresses) {
  ServedCluster served = three_nodes();
  served.serving.name_space = "models";
  const std::string text = text_of(haproxy_files(served, ServedBy::kubernetes), "haproxy.cfg");
  EXPECT_THAT(text, HasSubstr("server-template chat- 2 chat.models.svc:8080 check resolvers cluster"));
  EXPECT_THAT(text, HasSubstr("\nresolvers cluster\n"));
}

TEST(RenderingTest, NamesBecomeWordsAndStayApart) {
  EXPECT_EQ(plain_name("chat"), "chat");
  EXPECT_EQ(plain_name("qwen3-8b"), "qwen3-8b");
  EXPECT_THAT(plain_name("Chat"), testing::StartsWith("chat-"));
  EXPECT_NE(plain_name("Chat"), plain_name("CHAT"));
  EXPECT_NE(plain_name("a/b"), plain_name("a_b"));
  for (const std::string& name :
       std::vector<std::string>{"", "7b", "$(reboot)", "a\nb", "-", "é", "x;y", std::string(300, 'x'), "end-"}) {
    const std::string plain = plain_name(name);
    EXPECT_THAT(plain, testing::MatchesRegex("[a-z][a-z0-9-]*[a-z0-9]")) << name;
    EXPECT_LE(plain.size(), 40U) << name;
  }
  EXPECT_EQ(resource_of("h100", "CUDA0"), "h100-CUDA0");
  EXPECT_NE(resource_of("a b", "CUDA0"), resource_of("a_b", "CUDA0"));
  EXPECT_THAT(resource_of("a:b,c", "RPC[x]"), testing::MatchesRegex("[A-Za-z0-9._-]+"));
}

TEST(RenderingTest, AReplicaKeepsItsPortWhenOthersComeAndGo) {
  ServedCluster served = three_nodes();
  const Ports before = ports_of(served);
  EXPECT_EQ(before.size(), 4U);
  served.cluster.models.insert(served.cluster.models.begin(), Model{.name = "new", .replicas = 3});
  served.cluster.models.erase(served.cluster.models.begin() + 3);
  const Ports after = ports_of(served);
  EXPECT_EQ(after.at({"chat", 1}), before.at({"chat", 1}));
  EXPECT_EQ(after.at({"chat", 0}), before.at({"chat", 0}));
  std::set<std::uint16_t> different;
  served.cluster.models[0].replicas = 3000;
  for (const auto& [replica, port] : ports_of(served)) different.insert(port);
  EXPECT_EQ(different.size(), 3003U);
  EXPECT_GE(*different.begin(), 20'000);
  EXPECT_LT(*different.rbegin(), 30'000);
  served.cluster.models[0].replicas = 10'001;
  expect_error(ErrorCode::usage, "more than 10000 replicas", [&] { (void)ports_of(served); });
}

// The mark is what submit.sh knows a running job by.
TEST(RenderingTest, AReplicaKeepsItsMarkWhenAnotherOneIsAdded) {
  ServedCluster served = three_nodes();
  const auto marks = [](const ServedCluster& of) {
    std::set<std::string> out;
    std::string text = text_of(slurm_files(of), "submit.sh");
    for (std::size_t at = text.find("\nwant "); at != std::string::npos; at = text.find("\nwant ", at + 1))
      out.insert(text.substr(at + 6, text.find(' ', at + 6) - at - 6));
    return out;
  };
  const std::set<std::string> before = marks(served);
  ASSERT_EQ(before.size(), 4U);
  served.placement.placed.erase(served.placement.placed.begin() + 1);
  served.fleets.erase(served.fleets.begin() + 1);
  EXPECT_TRUE(std::ranges::includes(before, marks(served)));
  served.fleets[0].text += "# another budget\n";
  EXPECT_TRUE(std::ranges::includes(before, marks(served)));
  served.fleets[0].settings += "# changed\n";
  EXPECT_FALSE(std::ranges::includes(before, marks(served)));
}

TEST(RenderingTest, AReplicaDoesNotGoWhereAnotherOneOfItsModelIs) {
  const std::string text = text_of(slurm_files(three_nodes()), "submit.sh");
  EXPECT_THAT(text, ContainsRegex("want [0-9a-f]+/0 chat.sbatch rack1 rack2\n"));
  EXPECT_THAT(text, ContainsRegex("want [0-9a-f]+/1 chat.sbatch rack2 rack1\n"));
}

TEST(RenderingTest, ReplicasOnDifferentKindsHaveScriptsOfTheirOwn) {
  ServedCluster served = three_nodes();
  served.placement.placed[1].device = {};
  served.placement.placed[1].need = {.host = 20_GiB};
  const auto files = slurm_files(served);
  EXPECT_THAT(text_of(files, "chat.sbatch"), HasSubstr("#SBATCH --gres=vram:h100-CUDA0:16106127361\n"));
  EXPECT_THAT(text_of(files, "chat.2.sbatch"), Not(HasSubstr("--gres")));
  EXPECT_THAT(text_of(files, "chat.2.sbatch"), HasSubstr("#SBATCH --mem=20480M\n"));
}

TEST(RenderingTest, WhatCannotBeRenderedIsASentence) {
  ServedCluster served = three_nodes();
  served.cluster.nodes[0].cpus = 0;
  expect_error(ErrorCode::usage, "node 'rack1' has no 'cpus'", [&] { (void)slurm_files(served); });
  served = three_nodes();
  served.models[2].threads = 64;
  expect_error(ErrorCode::usage, "'embed' computes with 64 threads", [&] { (void)slurm_files(served); });
  served.serving.image.clear();
  served.serving.name_space = "Models";
  served.serving.runtime_class = "nvidia-";
  for (const char* words : {"'image'", "no namespace can be called 'Models'", "no runtime-class can be called 'nvidia"})
    expect_error(ErrorCode::usage, words, [&] { (void)kubernetes_files(served); });
  served.cluster.nodes[0].name = "Rack_1";
  expect_error(ErrorCode::usage, "no node can be called 'Rack_1'", [&] { (void)kubernetes_files(served); });
  served.cluster.nodes[0].name = "Default";
  expect_error(ErrorCode::usage, "'Default' is no node to Slurm", [&] { (void)slurm_files(served); });
  served.placement.placed.clear();
  served.fleets.clear();
  expect_error(ErrorCode::usage, "no model has a place", [&] { (void)haproxy_files(served, ServedBy::nodes); });
}

TEST(RenderingTest, MoreThreadsThanCpusAreSaid) {
  ServedCluster served = three_nodes();
  EXPECT_THAT(waiting_for_cpus(served), testing::IsEmpty());
  served.models[0].threads = 32;  // of chat, beside another one on rack1
  EXPECT_THAT(waiting_for_cpus(served),
              ElementsAre(HasSubstr("on 'rack1' computes with 33 threads, and it has 32 cpus")));
}

TEST(RenderingTest, AShellWordIsOneWord) {
  EXPECT_EQ(shell_word("/usr/bin/plimsoll"), "/usr/bin/plimsoll");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's $(x)"), "'it'\\''s $(x)'");
}

}  // namespace
}  // namespace plimsoll::place
