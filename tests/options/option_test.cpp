#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include <nlohmann/json.hpp>

#include "options/table.hpp"

#include "expect_error.hpp"

namespace plimsoll::options {
namespace {

using test::expect_error;

engine::ModelParams model(std::int32_t gpu_layers) {
  engine::ModelParams params;
  params.path = "a";
  params.devices = {"none", "b"};
  params.gpu_layers = gpu_layers;
  params.tensor_split = {0.1F, 3};
  return params;
}

template <class Params>
Params read(const char* param, const std::string& text, Params params = {}) {
  row_of<Params>(param).read(params, "--flag", text);
  return params;
}

TEST(OptionTest, ASentenceNamesParametersByTheirFlags) {
  EXPECT_EQ(in_flags("give it n_ubatch 16 (n_ctx, n_batch)"), "give it --ubatch-size 16 (--ctx-size, --batch-size)");
  EXPECT_EQ(in_flags("the device of 'n_ctx' at /a/n_ctx.gguf"), "the device of 'n_ctx' at /a/n_ctx.gguf")
      << "names of files and models, and words of plain English";
  EXPECT_EQ(in_flags("n_ctx_train and op_offload"), "n_ctx_train and op_offload") << "none, and one without a flag";
  EXPECT_EQ(in_flags(""), "");
}

TEST(OptionTest, NamesFollowFromTheLongFlag) {
  const Option layers = option_of_param("gpu_layers");
  EXPECT_EQ(layers.long_flag(), "--gpu-layers");
  EXPECT_EQ(layers.env(), "PLIMSOLL_GPU_LAYERS");
  EXPECT_EQ(option_of_flag("--lora").env(), "") << "a list of files is not for the environment";
  EXPECT_EQ(without_markup("`row` is [refused](planning.md#a)"), "row is refused");
  expect_error(ErrorCode::internal, "no '--sail'", [] { (void)option_of_flag("--sail"); });
}

TEST(OptionTest, NoNameStandsTwice) {
  std::set<std::string> seen;
  for (const Option& option : all_options()) {
    for (const std::string& flag : option.flags) EXPECT_TRUE(seen.insert(flag).second) << flag;
    EXPECT_TRUE(option.key.empty() || seen.insert(option.key).second) << option.key;
  }
  EXPECT_GT(seen.size(), 60U);
}

TEST(TableTest, TextIsReadByTheTypeOfTheParameter) {
  using Model = engine::ModelParams;
  using Context = engine::ContextParams;
  EXPECT_EQ(read<Context>("n_ctx", "8192").n_ctx, 8192U);
  EXPECT_EQ(read<Context>("type_k", "q8_0").type_k, engine::CacheType::q8_0);
  EXPECT_TRUE(read<Context>("swa_full", "true").swa_full);
  EXPECT_EQ(read<Model>("gpu_layers", "12").gpu_layers, 12);
  EXPECT_EQ(read<Model>("gpu_layers", "all", model(3)).gpu_layers, engine::kAllLayers);
  EXPECT_EQ(read<Model>("gpu_layers", "-2").gpu_layers, engine::kAllLayers) << "llama.cpp's way to say all";
  EXPECT_THAT(read<Model>("device", "Vulkan0,,Vulkan1").devices, ::testing::ElementsAre("Vulkan0", "Vulkan1"));
  EXPECT_THAT(read<Model>("tensor_split", "3,1.5").tensor_split, ::testing::ElementsAre(3.0F, 1.5F));
  const auto overrides = read<Model>("tensor_overrides", "a=b=CPU", read<Model>("tensor_overrides", "x=Vulkan0"));
  EXPECT_THAT(overrides.tensor_overrides,
              ::testing::ElementsAre(engine::TensorOverride{"x", "Vulkan0"}, engine::TensorOverride{"a=b", "CPU"}));
}

TEST(TableTest, WhatMeansNothingIsASentenceThatSaysWhatDoes) {
  using Model = engine::ModelParams;
  using Context = engine::ContextParams;
  const auto refuses = [](const char* sentence, auto read) { expect_error(ErrorCode::usage, sentence, read); };
  refuses("--flag is 0, and must be 1 to 2147483647", [] { (void)read<Context>("n_seq_max", "0"); });
  refuses("--flag does not know '4k'; it takes a whole number", [] { (void)read<Context>("n_ctx", "4k"); });
  refuses("'perhaps'; it takes on, off or auto", [] { (void)read<Context>("flash_attn", "perhaps"); });
  refuses("'many'; it takes a number, all or auto", [] { (void)read<Model>("gpu_layers", "many"); });
  refuses("'3;1'; it takes shares like 3,1", [] { (void)read<Model>("tensor_split", "3;1"); });
  refuses("'ffn' is not of the form PATTERN=BUFFER", [] { (void)read<Model>("tensor_overrides", "ffn"); });
}

// Every row that has a word for its value understands it.
TEST(TableTest, WhatARowWritesItReads) {
  const auto check = [](const auto& rows, auto params) {
    for (const auto& row : rows) {
      const std::string text = row->text(params);
      if (text.empty() || text == "unspecified") continue;
      auto read = params;
      if (row->kind != Kind::list) row->read(read, row->param, text);
      EXPECT_EQ(read, params) << row->param << " = " << text;
    }
  };
  check(rows<engine::ModelParams>(), model(4));
  check(rows<engine::ContextParams>(), engine::ContextParams{.n_ctx = 77, .kv_unified = true});
  check(rows<engine::ProjectorParams>(), engine::ProjectorParams{.path = "p", .image_max_tokens = 9});
}

TEST(TableTest, JsonLosesNothing) {
  engine::ModelParams one = model(2);
  one.tensor_overrides = {{.pattern = "a,b=c", .buffer_type = "CPU"}};
  one.load_mode = engine::LoadMode::automatic;
  one.n_cpu_moe = 3;
  EXPECT_EQ(from_json<engine::ModelParams>(to_json(one)), one);
  const engine::ContextParams context{.n_ctx = 0, .type_v = engine::CacheType::q4_0, .pooling = engine::Pooling::rank};
  EXPECT_EQ(from_json<engine::ContextParams>(to_json(context)), context);
  EXPECT_EQ(from_json<engine::ContextParams>(to_json(engine::ContextParams{})), engine::ContextParams{});
  const engine::ProjectorParams projector{.path = "p", .offload = false, .image_min_tokens = 1, .n_threads = 2};
  EXPECT_EQ(from_json<engine::ProjectorParams>(to_json(projector)), projector);
  Json wrong = to_json(context);
  wrong["type_k"] = 4711;
  expect_error(ErrorCode::unsupported, "there is no value 4711",
               [&] { (void)from_json<engine::ContextParams>(wrong); });
}

TEST(TableTest, TheKeyOfADryRunHoldsWhatChangesItsBytes) {
  engine::ContextParams one;
  engine::ContextParams other{.n_ctx = {}, .n_threads = 4, .n_threads_batch = 8};
  EXPECT_EQ(to_json(one, Part::dry_run_key), to_json(other, Part::dry_run_key)) << "threads compute, they hold nothing";
  other.n_batch = 64;
  EXPECT_NE(to_json(one, Part::dry_run_key), to_json(other, Part::dry_run_key));
}

TEST(TableTest, WhatChangedForOneChangesForThoseThatHadTheSame) {
  const engine::ContextParams from;
  engine::ContextParams to = from;
  to.n_ubatch = 64;
  to.n_seq_max = 1;
  engine::ContextParams other{.n_ctx = {}, .n_ubatch = 128, .n_seq_max = 1, .swa_full = true};
  const engine::ContextParams before = other;
  follow(other, from, to);
  EXPECT_EQ(other, before) << "its micro-batch was another";
  other.n_ubatch = from.n_ubatch;
  follow(other, from, to);
  EXPECT_EQ(other.n_ubatch, 64U);
  EXPECT_TRUE(other.swa_full);
}

}  // namespace
}  // namespace plimsoll::options
