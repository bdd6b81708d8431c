// What another version wrote, or a disk spoilt, is told from a dry run: by our Error or by the JSON library's, never by
// an index into the engine's tables.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dry_run/dry_run_json.hpp"

#include "expect_error.hpp"

namespace plimsoll::dry_run {
namespace {

using test::expect_error;

nlohmann::ordered_json a_dry_run() {
  DryRun dry_run;
  dry_run.entries.push_back(
      {.device = device::host(), .buffer = "CPU", .stage = memory::Stage::weights, .bytes = Bytes{12}});
  return to_json(dry_run);
}

TEST(DryRunJsonTest, IsReadAsItWasWritten) { EXPECT_EQ(to_json(dry_run_from_json(a_dry_run())), a_dry_run()); }

// Of a model, and of what is laid over it.
TEST(DryRunJsonTest, ANameThatIsNoUtf8ComesBackAsItWas) {
  DryRunRequest request;
  request.model.path = "b\xe4r.gguf";
  request.adapters = {{.path = "\xff/l\xf6.gguf", .scale = 0.5F}, {.path = "plain", .scale = 1}};
  request.control_vector.files = {{.path = "v\xc3", .scale = 2}};
  const DryRunRequest back = dry_run_request_from_json(nlohmann::ordered_json::parse(to_json(request).dump()));
  EXPECT_EQ(back.model.path, request.model.path);
  EXPECT_EQ(back.adapters, request.adapters);
  EXPECT_EQ(back.control_vector, request.control_vector);
}

// The text is part of the store's key: another text would forget every dry run that users have.
TEST(DryRunJsonTest, ARequestKeepsItsText) {
  DryRunRequest request;
  request.model.path = "a.gguf";
  request.model.devices = {"CUDA0"};
  request.adapters = {{.path = "b", .scale = 0.5F}};
  request.model.tensor_overrides = {{.pattern = "exps", .buffer_type = "CPU"}};
  request.model.metadata_overrides = {{.key = "k", .value = std::int64_t{2}},
                                      {.key = "x", .value = 2.0},
                                      {.key = "b", .value = true},
                                      {.key = "s", .value = std::string("t,k=int:3")}};
  request.context.n_ctx = 8192;
  request.context.type_v = engine::CacheType::q8_0;
  request.control_vector = {.files = {{.path = "c", .scale = 2}}, .first_layer = 3, .last_layer = 4};
  const std::string text =
      R"({"model":{"path":"a.gguf","gpu_layers":-1,"device":["CUDA0"],"split_mode":1,"tensor_split":[],"main_gpu":0,)"
      R"("tensor_overrides":[["exps","CPU"]],"cpu_moe":false,"n_cpu_moe":0,"load_mode":1,"use_extra_bufts":true,)"
      R"("host_buffers":true,"metadata_overrides":[["k",2],["x",2.0],["b",true],["s","t,k=int:3"]],)"
      R"("check_tensors":false},"context":{"n_ctx":8192,"n_batch":2048,"n_ubatch":512,"n_seq_max":1,"n_outputs_max":0,)"
      R"("type_k":1,"type_v":8,"flash_attn":-1,"pooling":-1,"attention":-1,"embeddings":false,"kv_unified":false,"context_shift":false,"swa_full":false,)"
      R"("offload_kqv":true,"op_offload":true,"rope_scaling":-1,"rope_freq_base":0.0,"rope_freq_scale":0.0,)"
      R"("yarn_orig_ctx":0,"yarn_ext_factor":-1.0,"yarn_attn_factor":-1.0,"yarn_beta_fast":-1.0,)"
      R"("yarn_beta_slow":-1.0,"n_threads":0,"n_threads_batch":0},"adapters":[["b",0.5]],)"
      R"("control_vector":{"files":[["c",2.0]],"layers":[3,4]},"at_creation":false})";
  EXPECT_EQ(to_json(request).dump(), text);
  EXPECT_EQ(dry_run_request_from_json(nlohmann::ordered_json::parse(text)), request);
  request.context.n_ctx.reset();
  request.projector = {.path = "p.gguf", .image_max_tokens = 7};
  const auto json = to_json(request);
  EXPECT_TRUE(json["context"]["n_ctx"].is_null());
  EXPECT_EQ(json["projector"].dump(), R"({"path":"p.gguf","offload":true,"image_min_tokens":0,"image_max_tokens":7,)"
                                      R"("n_threads":0,"flash_attn":-1})");
  EXPECT_EQ(dry_run_request_from_json(json), request);
}

TEST(DryRunJsonTest, WhatEarlierVersionsDidNotWriteKeepsItsDefault) {
  auto json = a_dry_run();
  for (const char* key : {"picture_tokens", "picture_limit"}) json.erase(key);
  for (const char* key : {"n_embd_inp", "n_swa", "has_2d_positions"}) json["model"].erase(key);
  EXPECT_EQ(to_json(dry_run_from_json(json)), a_dry_run());
  json["model"].erase("n_embd");
  EXPECT_THROW((void)dry_run_from_json(json), nlohmann::json::exception);
}

TEST(DryRunJsonTest, ADeviceIsReadAsItWasWritten) {
  DeviceView view;
  view.info.id = device::DeviceId{"CUDA0"};
  view.info.type = device::DeviceType::gpu;
  view.info.pci_id = "0000:c1:00.0";
  view.info.same_memory_as = device::DeviceId{"Vulkan0"};
  view.reading.total = Bytes{8};
  view.reading.source = "nvml";
  EXPECT_EQ(device_view_from_json(to_json(view)), view);
}

TEST(DryRunJsonTest, AStageOfNoSuchNameIsAnError) {
  auto json = a_dry_run();
  json["entries"][0]["stage"] = "ballast";
  expect_error(ErrorCode::unsupported, "there is no stage \"ballast\"", [&] { (void)dry_run_from_json(json); });
}

TEST(DryRunJsonTest, AnAmountBelowNothingIsAnError) {
  auto json = a_dry_run();
  json["entries"][0]["bytes"] = -1;
  expect_error(ErrorCode::unsupported, "cannot be -1", [&] { (void)dry_run_from_json(json); });
}

TEST(DryRunJsonTest, ATypeThatTheEngineDoesNotHaveIsAnError) {
  auto json = a_dry_run();
  json["context"]["type_k"] = 4711;
  expect_error(ErrorCode::unsupported, "there is no value 4711", [&] { (void)dry_run_from_json(json); });
}

}  // namespace
}  // namespace plimsoll::dry_run
