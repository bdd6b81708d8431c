#include "host/fleet_file.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::host {
namespace {

using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Fleet good(std::string_view text) {
  auto fleet = parse_fleet(text, "/fleet");
  if (!fleet) {
    for (const ConfigFileError& error : fleet.error())
      ADD_FAILURE() << error.line << ":" << error.column << ": " << error.message;
    return {};
  }
  return *fleet;
}

std::vector<std::string> wrong(std::string_view text) {
  const auto fleet = parse_fleet(text, "/fleet");
  std::vector<std::string> out;
  if (fleet) return out;
  for (const ConfigFileError& error : fleet.error())
    out.push_back(std::to_string(error.line) + ":" + std::to_string(error.column) + ": " + error.message);
  return out;
}

TEST(FleetFileTest, HostMemoryIsTouchedUnlessTheFileSaysNo) {
  EXPECT_TRUE(good("[[model]]\npath = \"a.gguf\"\n").prefault);
  EXPECT_FALSE(good("prefault = false\n[[model]]\npath = \"a.gguf\"\n").prefault);
  EXPECT_EQ(good("models-max = 2\n[[model]]\npath = \"a.gguf\"\n").most_models, 2U);
  EXPECT_THAT(wrong("models-max = -1\n[[model]]\npath = \"a.gguf\"\n"), ElementsAre(HasSubstr("must be 0 to")));
  EXPECT_THAT(wrong("prefault = 1\n[[model]]\npath = \"a.gguf\"\n"),
              ElementsAre(HasSubstr("'prefault' takes true or false")));
}

TEST(FleetFileTest, ATemplateIsChosenByTextNameOrFile) {
  const plimsoll::test::TemporaryFolder folder;
  (void)folder.write("t.jinja", "{{ messages[0].content }}!");
  const auto of_keys = [&](const std::string& keys) {
    return parse_fleet("[[model]]\npath = \"a.gguf\"\n" + keys, folder.path());
  };
  EXPECT_EQ(of_keys("chat-template = \"chatml\"")->models[0].chat_template, "chatml");
  EXPECT_EQ(of_keys("chat-template-file = \"t.jinja\"")->models[0].chat_template, "{{ messages[0].content }}!");
  EXPECT_EQ(of_keys("[[model.preset]]\nname = \"p\"\nchat-template = \"llama3\"")->models[0].presets[0].chat_template,
            "llama3");
  EXPECT_THAT(wrong("[[model]]\npath = \"a.gguf\"\nchat-template = \"chatmll\"\n"),
              ElementsAre(HasSubstr("3:17: the chat template cannot be read: 'chatmll' is neither")));
  EXPECT_THAT(wrong("[[model]]\npath = \"a.gguf\"\nchat-template = \"{{ a\"\n"), ElementsAre(HasSubstr("line 1")));
  EXPECT_THAT(wrong("[[model]]\npath = \"a.gguf\"\nchat-template-file = \"absent\"\n"),
              ElementsAre(HasSubstr("/fleet/absent' cannot be read")));
  EXPECT_THAT(wrong("[[model]]\npath = \"a.gguf\"\nchat-template = \"chatml\"\nchat-template-file = \"x\"\n"),
              SizeIs(1));
}

// The system would read such a path to the NUL, and open another file.
TEST(FleetFileTest, ANulIsInNoText) {
  for (const char* key : {"path = \"a.gguf\\u0000b\"", "path = \"a.gguf\"\nname = \"a\\u0000\"",
                          "path = \"a.gguf\"\nlora = [\"b\\u0000\"]", "path = \"a.gguf\"\nmmproj = \"b\\u0000.gguf\"",
                          "path = \"a.gguf\"\nchat-template-file = \"b\\u0000\""})
    EXPECT_THAT(wrong(fmt::format("[[model]]\n{}\n", key)), ElementsAre(HasSubstr("has a NUL character in it"))) << key;
}

TEST(FleetFileTest, AFolderIsNoFleetFile) {
  const plimsoll::test::TemporaryFolder folder;
  plimsoll::test::expect_error(ErrorCode::usage, "is a folder, not a fleet file",
                               [&] { (void)read_fleet(folder.path()); });
}

TEST(FleetFileTest, AModelKnowsWhereItIsDeclared) {
  const plimsoll::test::TemporaryFolder folder;
  const std::string path =
      folder.write("fleet.toml", "\n[[model]]\npath = \"a.gguf\"\n  [[model]]\npath = \"b.gguf\"\n");
  const Fleet fleet = read_fleet(path);
  EXPECT_EQ(fleet.models[0].place, "fleet.toml:2:1");
  EXPECT_EQ(fleet.models[1].place, "fleet.toml:4:3");
  (void)folder.write("fleet.toml", "[[model]]\ncolour = 1\n");
  try {
    (void)read_fleet(path);
    FAIL();
  } catch (const WrongConfigFile& wrong) {
    EXPECT_EQ(wrong.code(), ErrorCode::usage);
    ASSERT_EQ(wrong.errors().size(), 2U);
    EXPECT_EQ(wrong.place_of(wrong.errors()[1].line, wrong.errors()[1].column), "fleet.toml:2:1");
  }
}

TEST(FleetFileTest, AWrongSplitModeIsToldThoseThatAreTaken) {
  EXPECT_THAT(wrong("[[model]]\npath = \"a.gguf\"\nsplit-mode = \"rows\"\n"),
              ElementsAre(HasSubstr("'split-mode' does not know 'rows'; it takes none, layer or row")));
}

TEST(FleetFileTest, AModelIsSharedOutOverItsDevices) {
  const Fleet fleet = good("[[model]]\npath = \"a.gguf\"\ndevice = \"Vulkan0,Vulkan1\"\ntensor-split = \"3,1.5\"\n");
  ASSERT_THAT(fleet.models, SizeIs(1));
  EXPECT_THAT(fleet.models[0].request.dry_run.model.devices, ElementsAre("Vulkan0", "Vulkan1"));
  EXPECT_THAT(fleet.models[0].request.dry_run.model.tensor_split, ElementsAre(3.0F, 1.5F));
  for (const char* split : {"3;1", "3,", "3,-1", "nan", "some"}) {
    EXPECT_THAT(wrong(std::string("[[model]]\npath = \"a.gguf\"\ntensor-split = \"") + split + "\"\n"),
                ElementsAre(HasSubstr("it takes shares like 3,1")))
        << split;
  }
}

TEST(FleetFileTest, ADraftIsPlannedBesideItsModel) {
  const Fleet fleet = good(R"(
[[model]]
name = "chat"
path = "chat.gguf"
gpu-layers = 12
parallel = 2
compute-group = "fast"
model-draft = "tiny.gguf"
gpu-layers-draft = 3
draft-max = 4
draft-p-min = 0.25
[[model]]
path = "other.gguf"
)");
  ASSERT_THAT(fleet.models, SizeIs(2));
  ASSERT_TRUE(fleet.models[0].draft);
  EXPECT_FALSE(fleet.models[1].draft);
  const FleetDraft& draft = *fleet.models[0].draft;
  EXPECT_EQ(draft.request.name, "chat-draft");
  EXPECT_EQ(draft.request.compute_group, "fast");
  EXPECT_EQ(draft.request.dry_run.model.path, "/fleet/tiny.gguf");
  EXPECT_EQ(draft.request.dry_run.model.gpu_layers, 3);
  EXPECT_EQ(draft.request.dry_run.context.n_seq_max, 2U);
  EXPECT_EQ(draft.speculation.most, 4U);
  EXPECT_FLOAT_EQ(draft.speculation.least_probability, 0.25F);
  EXPECT_EQ(fleet.models[0].request.dry_run.context.n_outputs_max,
            2U * (4 + 1));  // each sequence's proposals, and the token before
  EXPECT_THAT(requests_of(fleet), SizeIs(3));
}

TEST(FleetFileTest, ADraftThatMeansNothingIsAComplaint) {
  EXPECT_THAT(wrong("[[model]]\npath = 'a'\nmodel-draft = 'b'\ndraft-p-min = 2"),
              ElementsAre(HasSubstr("probability")));
  EXPECT_THAT(wrong("[[model]]\npath = 'a'\nmodel-draft = 'b'\ndraft-p-min = 'x'"), ElementsAre(HasSubstr("a number")));
  EXPECT_THAT(wrong("[[model]]\npath = 'a'\nbatch-size = 4\nmodel-draft = 'b'\ndraft-max = 4"),
              ElementsAre(HasSubstr("batches of 5")));
  EXPECT_THAT(wrong("[[model]]\npath = 'a'\nembeddings = true\nmodel-draft = 'b'"),
              ElementsAre(HasSubstr("for embeddings")));
  EXPECT_THAT(wrong("[[model]]\nname = 'a'\npath = 'a'\nmodel-draft = 'b'\n[[model]]\nname = 'a-draft'\npath = 'c'"),
              ElementsAre(HasSubstr("two models are called 'a-draft'")));
}

TEST(FleetFileTest, EveryKeyIsReadAndTheRestIsTheToolsDefault) {
  const Fleet fleet = good(R"(
budgets = ["90%", "Vulkan0=8GiB"]
keep-in-host = "12GiB"
yield-to-foreign = "2GiB"
[swap]
memory = "2GiB"
disk = "8GiB"
folder = "swap"
keep-prompts = "3GiB"
[thresholds]
warn = "70%"
high = "80%"
[[model]]
name = "chat"
path = "models/chat.gguf"
gpu-layers = 12
ctx-size = 8192
parallel = 4
batch-size = 256
cache-type-k = "q8_0"
flash-attn = "on"
lora = ["a.gguf:0.5", "b.gguf"]
compute-group = "fast"
priority = 3
time-to-live = "10min"
load-at-start = true
warm-up = "quick"
[[model]]
path = "/elsewhere/other.gguf"
pinned = true
)");
  ASSERT_THAT(fleet.budgets, SizeIs(2));
  EXPECT_EQ(fleet.keep_in_host, 12_GiB);
  EXPECT_EQ(fleet.yield_to_foreign, 2_GiB);
  EXPECT_EQ(fleet.swap.memory, 2_GiB);
  EXPECT_EQ(fleet.swap.disk, 8_GiB);
  EXPECT_EQ(fleet.swap.kept, 3_GiB);
  EXPECT_EQ(fleet.swap.folder, "/fleet/swap");
  EXPECT_DOUBLE_EQ(fleet.thresholds.warn, 0.7);
  EXPECT_DOUBLE_EQ(fleet.thresholds.high, 0.8);
  ASSERT_THAT(fleet.models, SizeIs(2));
  const FleetModel& chat = fleet.models[0];
  const dry_run::DryRunRequest& dry_run = chat.request.dry_run;
  EXPECT_EQ(chat.request.name, "chat");
  EXPECT_EQ(dry_run.model.path, "/fleet/models/chat.gguf");
  EXPECT_EQ(dry_run.model.gpu_layers, 12);
  EXPECT_EQ(dry_run.context.n_ctx, 8192U);
  EXPECT_EQ(dry_run.context.n_seq_max, 4U);
  EXPECT_EQ(dry_run.context.n_ubatch, 256U);  // never more than the batch
  EXPECT_EQ(dry_run.context.type_k, engine::CacheType::q8_0);
  EXPECT_EQ(dry_run.context.flash_attn, engine::FlashAttention::on);
  EXPECT_THAT(dry_run.adapters, ElementsAre(engine::AdapterParams{.path = "/fleet/a.gguf", .scale = 0.5F},
                                            engine::AdapterParams{.path = "/fleet/b.gguf", .scale = 1.0F}));
  EXPECT_EQ(chat.request.compute_group, "fast");
  EXPECT_EQ(chat.priority, 3);
  EXPECT_EQ(chat.time_to_live, minutes(10));
  EXPECT_TRUE(chat.load_at_start);
  EXPECT_EQ(chat.warm_up, run::WarmUpDepth::quick);
  const FleetModel& other = fleet.models[1];
  EXPECT_EQ(other.request.name, "other");
  EXPECT_EQ(other.request.dry_run.model.path, "/elsewhere/other.gguf");
  EXPECT_EQ(other.request.compute_group, "main");
  EXPECT_FALSE(other.request.dry_run.context.n_ctx);
  EXPECT_TRUE(other.pinned);
}

TEST(FleetFileTest, WhatIsKeptInHostMemoryIsASize) {
  EXPECT_EQ(good("[[model]]\npath = 'a'").keep_in_host, 0_B);
  EXPECT_THAT(wrong("keep-in-host = 'much'\n[[model]]\npath = 'a'"), ElementsAre(HasSubstr("1:16: 'keep-in-host': ")));
  for (const char* value : {"12", "true"})
    EXPECT_THAT(wrong(std::string("keep-in-host = ") + value + "\n[[model]]\npath = 'a'"),
                ElementsAre(HasSubstr("1:16: 'keep-in-host' takes a size like \"8GiB\"")));
}

TEST(FleetFileTest, WhatIsLeftToForeignProgramsIsASize) {
  EXPECT_EQ(good("[[model]]\npath = 'a'").yield_to_foreign, 0_B);
  EXPECT_THAT(wrong("yield-to-foreign = 'much'\n[[model]]\npath = 'a'"),
              ElementsAre(HasSubstr("1:20: 'yield-to-foreign': ")));
  for (const char* value : {"2", "true", "[]"})
    EXPECT_THAT(wrong(std::string("yield-to-foreign = ") + value + "\n[[model]]\npath = 'a'"),
                ElementsAre(HasSubstr("1:20: 'yield-to-foreign' takes a size like \"8GiB\"")));
}

TEST(FleetFileTest, TheEvictionPolicyIsOneOfThoseThereAre) {
  EXPECT_EQ(good("[[model]]\npath = 'a'").eviction, "balanced");
  EXPECT_EQ(good("eviction = 'lru'\n[[model]]\npath = 'a'").eviction, "lru");
  EXPECT_THAT(wrong("eviction = 'mru'\n[[model]]\npath = 'a'"),
              ElementsAre(HasSubstr("1:12: unknown eviction policy 'mru'; there are balanced, lru,")));
  EXPECT_THAT(wrong("eviction = 3\n[[model]]\npath = 'a'"), ElementsAre(HasSubstr("1:12: 'eviction' takes a policy")));
}

TEST(FleetFileTest, WhatABackendTakesIsSaidForAModelToo) {
  const Fleet fleet = good("[[model]]\npath = 'a'\nruntime = ['CUDA0=600MiB', 'CUDA1=1GiB']\nmodel-draft = 'b'");
  const std::vector<plan::RuntimeRequest> given{{.device = device::DeviceId{"CUDA0"}, .bytes = 600_MiB},
                                                {.device = device::DeviceId{"CUDA1"}, .bytes = 1_GiB}};
  EXPECT_EQ(fleet.models[0].request.runtime, given);
  EXPECT_EQ(fleet.models[0].draft->request.runtime, given);
  EXPECT_THAT(wrong("[[model]]\npath = 'a'\nruntime = ['much']"), ElementsAre(HasSubstr("3:12: ")));
  EXPECT_THAT(wrong("[[model]]\npath = 'a'\nruntime = ['CUDA0=1MiB', 'CUDA0=2MiB']"), ElementsAre(HasSubstr("CUDA0")));
}

TEST(FleetFileTest, EverythingWrongIsSaidAtOnceWithItsPlace) {
  EXPECT_THAT(
      wrong(R"(budgets = ["a lot"]
colour = "red"
[swap]
memory = 12
[[model]]
path = "a.gguf"
ctx-size = -4
cache-type-v = "q9"
prority = 1
[[model]]
name = "a"
time-to-live = "soon"
)"),
      ElementsAre(HasSubstr("1:12: "), HasSubstr("2:1: unknown key 'colour' of a fleet"),
                  HasSubstr("4:10: 'memory' takes a text"), HasSubstr("7:12: 'ctx-size' is -4, and must be 0 to"),
                  HasSubstr("8:16: 'cache-type-v' does not know 'q9'; it takes f32,"),
                  HasSubstr("9:1: unknown key 'prority' of a model"), HasSubstr("10:1: a model has no 'path'"),
                  HasSubstr("10:1: two models are called 'a'"),
                  HasSubstr("12:16: 'time-to-live' does not know 'soon'")));
}

TEST(FleetFileTest, AProjectorHasTheKeysThatItHasAsFlags) {
  const Fleet fleet = good("[[model]]\npath='a'\nmmproj='p'\nmmproj-offload=false\nimage-max-tokens=64\n");
  EXPECT_EQ(fleet.models[0].request.dry_run.projector,
            (engine::ProjectorParams{.path = "/fleet/p", .offload = false, .image_max_tokens = 64}));
  EXPECT_THAT(wrong("[[model]]\npath='a'\nmmproj='p'\nimage-min-tokens=9\nimage-max-tokens=4"),
              ElementsAre(HasSubstr("at least 9 tokens and at most 4")));
}

TEST(FleetFileTest, TablesAndListsSayHowTheyAreWritten) {
  EXPECT_THAT(wrong("budgets = '90%'\nswap = 3\n[model]\npath = 'a'\n"),
              ElementsAre("1:11: 'budgets' takes a list like [\"90%\", \"Vulkan0=8GiB\"]", "2:8: 'swap' takes a table",
                          "3:1: each 'model' is written as [[model]]"));
  EXPECT_THAT(wrong("runtime = ['CUDA0=1GiB', 'CUDA0=2GiB']\n[[model]]\npath = 'a'\n[model.preset]\nname = 'p'\n"),
              ElementsAre(HasSubstr("1:11: "), "4:1: each 'preset' is written as [[model.preset]]"));
}

TEST(FleetFileTest, WhatIsNoTomlIsSaidWithItsPlace) {
  EXPECT_THAT(wrong("[[model]]\nname = chat\n"), ElementsAre(HasSubstr("2:")));
}

TEST(FleetFileTest, ContradictionsAreFound) {
  EXPECT_THAT(wrong(""), ElementsAre(HasSubstr("there is no model")));
  EXPECT_THAT(wrong("[[model]]\npath='a.gguf'\npinned=true\ntime-to-live='1s'"), ElementsAre(HasSubstr("is pinned")));
  EXPECT_THAT(wrong("[[model]]\npath='a.gguf'\nname='group:b'"), ElementsAre(HasSubstr("begins with 'group:'")));
  EXPECT_THAT(wrong("[[model]]\npath='a.gguf'\nname='qwen3:8b'"), IsEmpty());
  EXPECT_THAT(wrong("thresholds={warn='90%',high='80%'}\n[[model]]\npath='a.gguf'"),
              ElementsAre(HasSubstr("thresholds must rise")));
  EXPECT_THAT(wrong("[[model]]\npath='a.gguf'\nbatch-size=8\nubatch-size=16"), ElementsAre(HasSubstr("1:1: 'a': ")));
}

TEST(FleetFileTest, AFileIsReadFromItsOwnFolderAndItsErrorsNameIt) {
  const plimsoll::test::TemporaryFolder folder;
  const std::string path = folder.write("fleet.toml", "[[model]]\npath = \"m/a.gguf\"\n");
  EXPECT_EQ(read_fleet(path).models.front().request.dry_run.model.path, folder / "m/a.gguf");
  const std::string bad = folder.write("bad.toml", "[[model]]\n");
  plimsoll::test::expect_error(ErrorCode::usage,
                               "1 thing is wrong with this fleet file\n  " + bad + ":1:1: a model has no 'path'",
                               [&] { (void)read_fleet(bad); });
  plimsoll::test::expect_error(ErrorCode::io, "cannot be read", [&] { (void)read_fleet(folder / "none.toml"); });
}

TEST(FleetFileTest, NamesAndPresets) {
  const Fleet fleet = good(R"([[model]]
path = "a.gguf"
aliases = ["gpt-4", "b"]
lora = ["l.gguf", "m.gguf:0"]
[model.sampling]
temperature = 0.5
[model.template-arguments]
date_string = "30 Nov 2026"
depth = 2
[[model.preset]]
name = "terse"
aliases = ["t"]
system = "be"
thinking = false
ctx-size = 512
lora = ["m.gguf:0.5"]
[model.preset.template-arguments]
reasoning_effort = "low"
[model.preset.sampling]
top_k = 1
[[model.preset]]
name = "plain"
)");
  ASSERT_THAT(fleet.models, SizeIs(1));
  const FleetModel& model = fleet.models[0];
  EXPECT_THAT(model.aliases, ElementsAre("gpt-4", "b"));
  EXPECT_EQ(model.sampling.params.temperature, 0.5F);
  EXPECT_EQ(model.template_values, R"({"date_string":"30 Nov 2026","depth":2})");
  ASSERT_THAT(model.presets, SizeIs(2));
  const Preset& terse = model.presets[0];
  EXPECT_EQ(terse.name, "terse");
  EXPECT_THAT(terse.aliases, ElementsAre("t"));
  EXPECT_EQ(terse.system, "be");
  EXPECT_EQ(terse.thinking, false);
  EXPECT_EQ(terse.n_ctx, 512U);
  EXPECT_EQ(terse.template_values, R"({"reasoning_effort":"low"})");
  EXPECT_EQ(terse.sampling.params.top_k, 1);
  EXPECT_EQ(terse.sampling.given.size(), 1U);
  EXPECT_EQ(model.presets[1].thinking, std::nullopt);
  EXPECT_THAT(terse.adapters,
              testing::Optional(ElementsAre(engine::AdapterParams{.path = "/fleet/m.gguf", .scale = 0.5F})));
  EXPECT_EQ(model.presets[1].adapters, std::nullopt);
}

TEST(FleetFileTest, WhatIsWrongWithNamesAndPresets) {
  const std::string model = "[[model]]\npath = \"a.gguf\"\n";
  EXPECT_THAT(wrong(model + "[[model.preset]]\nsystem = \"x\"\n"), ElementsAre(HasSubstr("a preset has no 'name'")));
  EXPECT_THAT(wrong(model + "[[model.preset]]\nname = \"x\"\npath = \"y\"\n"),
              ElementsAre(HasSubstr("unknown key 'path' of a preset")));
  EXPECT_THAT(wrong(model + "lora = [\"l.gguf\"]\n[[model.preset]]\nname = \"x\"\nlora = [\"m.gguf\"]\n"),
              ElementsAre(HasSubstr("'x' has an adapter '/fleet/m.gguf' that is none of 'a'")));
  EXPECT_THAT(wrong(model + "[model.sampling]\nhat = 1\n"), ElementsAre(HasSubstr("no sampling parameter 'hat'")));
  EXPECT_THAT(wrong(model + "[model.sampling]\ntop_p = 2.0\n"), ElementsAre(HasSubstr("top_p cannot be 2")));
  EXPECT_THAT(wrong(model + "aliases = [\"b\", \"b\"]\n"), ElementsAre(HasSubstr("two models are called 'b'")));
  EXPECT_THAT(wrong(model + "aliases = [\"b\"]\n[[model.preset]]\nname = \"b\"\n"),
              ElementsAre(HasSubstr("two models are called 'b'")));
}

}  // namespace
}  // namespace plimsoll::host
