#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "engine/backend.hpp"
#include "engine/context.hpp"
#include "engine/model.hpp"

#include "arch_models.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::engine {
namespace {

using test::arch_model;
using test::expect_error;
using test::load_on_cpu;
using test::TemporaryFolder;
using test::tiny_llama;

ModelParams on_cpu(const std::string& path) {
  ModelParams params;
  params.path = path;
  params.devices = {"none"};
  return params;
}

TEST(ModelTest, TellsWhatItIs) {
  const auto llama = load_on_cpu(arch_model("llama-dense"));
  EXPECT_EQ(llama->facts().architecture, "llama");
  EXPECT_EQ(llama->facts().n_embd, 256);
  EXPECT_EQ(llama->facts().n_vocab, 128);
  EXPECT_EQ(llama->facts().n_expert, 0U);
  EXPECT_TRUE(llama->facts().has_decoder);
  EXPECT_FALSE(llama->facts().has_encoder);
  EXPECT_FALSE(llama->facts().is_recurrent || llama->facts().is_hybrid);
  EXPECT_TRUE(load_on_cpu(arch_model("mamba-dense"))->facts().is_recurrent);
  EXPECT_TRUE(load_on_cpu(arch_model("jamba-dense"))->facts().is_hybrid);
  EXPECT_GT(load_on_cpu(arch_model("llama-moe"))->facts().n_expert, 0U);
}

TEST(ModelTest, GivesItsMetadataAsText) {
  TemporaryFolder folder;
  const auto model =
      load_on_cpu(folder.write("m.gguf", tiny_llama().text("tokenizer.chat_template", "{{ 'x' }}").bytes()));
  EXPECT_EQ(model->metadata("general.name"), "tiny");
  EXPECT_EQ(model->metadata("llama.block_count"), "2");
  EXPECT_EQ(model->metadata("no.such.key"), std::nullopt);
  EXPECT_EQ(model->chat_template(), "{{ 'x' }}");
}

TEST(ModelTest, GivesLongMetadataWhole) {
  TemporaryFolder folder;
  const std::string longer(20'000, 'y');
  const auto model = load_on_cpu(folder.write("m.gguf", tiny_llama().text("plimsoll.note", longer).bytes()));
  EXPECT_EQ(model->metadata("plimsoll.note"), longer);
}

TEST(ModelTest, ReportsProgressUpToTheEnd) {
  std::vector<float> seen;
  (void)Model::load(on_cpu(arch_model("llama-dense")),
                    {.header_only = false, .progress = [&](float done) { seen.push_back(done); }, .stop = {}});
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_FLOAT_EQ(seen.back(), 1.0F);
}

TEST(ModelTest, StopsLoadingWhenAsked) {
  std::stop_source stop;
  int reports = 0;
  const LoadOptions options{.header_only = false,
                            .progress =
                                [&](float) {
                                  if (++reports == 2) stop.request_stop();
                                },
                            .stop = stop.get_token()};
  expect_error(ErrorCode::cancelled, "cancelled",
               [&] { (void)Model::load(on_cpu(arch_model("llama-dense")), options); });
  EXPECT_EQ(reports, 2);
}

TEST(ModelTest, DoesNotBeginWhereStoppedBefore) {
  std::stop_source stop;
  stop.request_stop();
  const LoadOptions options{.header_only = false, .progress = [](float) { ADD_FAILURE(); }, .stop = stop.get_token()};
  expect_error(ErrorCode::cancelled, "cancelled",
               [&] { (void)Model::load(on_cpu(arch_model("llama-dense")), options); });
}

TEST(ModelTest, AProgressDisplayThatThrowsEndsTheLoad) {
  const LoadOptions options{
      .header_only = false, .progress = [](float) { throw std::runtime_error("pen"); }, .stop = {}};
  expect_error(ErrorCode::cancelled, "cancelled",
               [&] { (void)Model::load(on_cpu(arch_model("llama-dense")), options); });
}

TEST(ModelTest, AHeaderAloneTellsTheSameFacts) {
  const std::string path = arch_model("jamba-dense");
  const auto header = Model::load(on_cpu(path), {.header_only = true, .progress = {}, .stop = {}});
  const auto whole = load_on_cpu(path);
  EXPECT_EQ(header->facts().n_params, whole->facts().n_params);
  EXPECT_EQ(header->facts().tensor_bytes, whole->facts().tensor_bytes);
  EXPECT_EQ(header->facts().is_hybrid, whole->facts().is_hybrid);
}

TEST(ModelTest, LoadsASplitModelAsOne) {
  TemporaryFolder folder;
  const std::string whole = folder.write("whole.gguf", tiny_llama().bytes());
  const std::string command =
      "llama-gguf-split --split --split-max-tensors 8 " + whole + " " + folder.path("part") + " > /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto one = load_on_cpu(whole);
  const auto split = load_on_cpu(folder.path("part-00001-of-00003.gguf"));
  EXPECT_EQ(split->facts().n_params, one->facts().n_params);
  const auto context_one = Context::create(one, test::small_context());
  const auto context_split = Context::create(split, test::small_context());
  EXPECT_EQ(test::logits_after(*context_split, {1, 2, 3}), test::logits_after(*context_one, {1, 2, 3}));

  expect_error(ErrorCode::model_unusable, "cannot be used",
               [&] { (void)load_on_cpu(folder.path("part-00002-of-00003.gguf")); });
  std::filesystem::remove(folder.path("part-00003-of-00003.gguf"));
  expect_error(ErrorCode::model_unusable, "part-00003-of-00003.gguf",
               [&] { (void)load_on_cpu(folder.path("part-00001-of-00003.gguf")); });
}

TEST(ModelTest, SaysWhatTheFileLacks) {
  TemporaryFolder folder;
  const auto refused = [&](const test::TinyGguf& file, const std::string& words) {
    const std::string path = folder.write("m.gguf", file.bytes());
    expect_error(ErrorCode::model_unusable, words, [&] { (void)load_on_cpu(path); });
  };
  refused(tiny_llama().remove("general.architecture").text("general.architecture", "babbage"),
          "unknown model architecture: 'babbage'");
  refused(tiny_llama().remove("tokenizer.ggml.model"), "tokenizer.ggml.model");
  refused(tiny_llama().remove("tokenizer.ggml.tokens"), "cannot find tokenizer vocab");
  refused(tiny_llama().remove("tokenizer.ggml.model").text("tokenizer.ggml.model", "abacus"),
          "unknown tokenizer: 'abacus'");
  refused(tiny_llama().remove("llama.embedding_length"), "llama.embedding_length");
  refused(tiny_llama().remove("llama.block_count").number("llama.block_count", 3), "blk.2");
  refused(tiny_llama().remove("llama.feed_forward_length").number("llama.feed_forward_length", 128), "wrong shape");
}

TEST(ModelTest, RefusesParametersThatNameNothing) {
  start_backends();
  const std::string path = arch_model("llama-dense");
  const auto refused = [&](const std::string& words, auto change) {
    ModelParams params = on_cpu(path);
    change(params);
    expect_error(ErrorCode::usage, words, [&] { (void)Model::load(params); });
  };
  refused("no model was named", [](ModelParams& p) { p.path.clear(); });
  refused("'Vulkan9'", [](ModelParams& p) { p.devices = {"Vulkan9"}; });
  refused("'none'", [](ModelParams& p) { p.devices = {"none", "CPU"}; });
  refused("named twice", [](ModelParams& p) { p.devices = {"CPU", "CPU"}; });
  refused("-2 layers", [](ModelParams& p) { p.gpu_layers = -2; });
  refused("regular expression", [](ModelParams& p) { p.tensor_overrides = {{.pattern = "(", .buffer_type = "CPU"}}; });
  refused("no buffer type 'Moon'",
          [](ModelParams& p) { p.tensor_overrides = {{.pattern = ".*", .buffer_type = "Moon"}}; });
  refused("cannot be negative", [](ModelParams& p) { p.n_cpu_moe = -1; });
  refused("cannot be negative", [](ModelParams& p) { p.tensor_split = {1, -1}; });
  refused("share", [](ModelParams& p) { p.tensor_split = {INFINITY}; });
  refused("share", [](ModelParams& p) { p.tensor_split = {NAN}; });
  refused("at most", [](ModelParams& p) { p.tensor_split.assign(llama_max_devices() + 1, 1.0F); });
  refused("at most", [](ModelParams& p) { p.n_cpu_moe = std::numeric_limits<std::int32_t>::max(); });
}

TEST(ModelTest, TakesOverridesAndExpertsOnTheHost) {
  ModelParams params = on_cpu(arch_model("llama-moe"));
  params.tensor_overrides = {{.pattern = "blk\\.0\\..*", .buffer_type = "CPU"}};
  params.cpu_moe = true;
  EXPECT_EQ(Model::load(params)->facts().architecture, "llama");
  params.cpu_moe = false;
  params.n_cpu_moe = 50;  // more than it has
  EXPECT_EQ(Model::load(params)->facts().architecture, "llama");
}

TEST(BackendTest, KnowsTheEngineItRunsWith) {
  EXPECT_EQ(engine_version().llama, engine_version().built_against_llama);
  EXPECT_EQ(version_mismatch(), "");
}

}  // namespace
}  // namespace plimsoll::engine
