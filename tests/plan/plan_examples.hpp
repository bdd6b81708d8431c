// plan_examples: dry runs and devices to plan with, made by hand: neither an engine nor a GPU is asked.
#pragma once
#include <string>
#include <vector>

#include "plan/plan.hpp"

namespace plimsoll::plan {

inline const device::DeviceId kGpu{"Vulkan0"};
inline const device::DeviceId kHost = device::host();

[[nodiscard]] inline dry_run::BufferEntry buffer(const device::DeviceId& device, memory::Stage stage, Bytes bytes,
                                                 const std::string& name = {}, bool charged = true) {
  return {.device = device,
          .buffer = name.empty() ? device.name() : name,
          .stage = stage,
          .bytes = bytes,
          .charged = charged};
}

// A model of 24 layers and a header on one GPU, with a context of 4096 tokens.
[[nodiscard]] inline dry_run::DryRun gpu_dry_run() {
  using memory::Stage;
  dry_run::DryRun dry_run;
  dry_run.entries = {buffer(kHost, Stage::weights, 40_MiB, "CPU_Mapped", false),
                     buffer(kHost, Stage::output, 512_KiB, "Vulkan_Host"),
                     buffer(kHost, Stage::compute, 12_MiB, "Vulkan_Host"),
                     buffer(kGpu, Stage::weights, 700_MiB),
                     buffer(kGpu, Stage::kv_cache, 96_MiB),
                     buffer(kGpu, Stage::compute, 300_MiB)};
  dry_run.model.architecture = "llama";
  dry_run.model.description = "llama 350M Q4_K - Medium";
  dry_run.model.n_params = 350'000'000;
  dry_run.model.tensor_bytes = 740_MiB;
  dry_run.model.n_layer = 24;
  dry_run.model.n_embd = 1024;
  dry_run.model.n_vocab = 32000;
  dry_run.model.n_ctx_train = 8192;
  dry_run.context = {.n_ctx = 4096,
                     .n_ctx_seq = 4096,
                     .n_batch = 2048,
                     .n_ubatch = 512,
                     .n_seq_max = 1,
                     .n_outputs_max = 2048,
                     .type_k = engine::CacheType::f16,
                     .type_v = engine::CacheType::f16,
                     .flash_attn = true};
  dry_run.gpu_layers = 25;
  dry_run.outputs = 1;
  return dry_run;
}

[[nodiscard]] inline Request request(const std::string& name = "a") {
  Request asked{.name = name, .dry_run = {}};
  asked.dry_run.model.path = "/models/" + name + ".gguf";
  asked.dry_run.context.n_ctx = 4096;
  return asked;
}

// A plan of these entries alone.
[[nodiscard]] inline ModelPlan model_of(std::vector<dry_run::BufferEntry> entries, const std::string& name = "a") {
  dry_run::DryRun dry_run = gpu_dry_run();
  dry_run.entries = std::move(entries);
  return lay_out(request(name), dry_run, {});
}

[[nodiscard]] inline DeviceState state_of(const device::DeviceId& id, std::optional<Bytes> total,
                                          std::optional<Bytes> free, std::optional<Bytes> budget, Bytes ours = {},
                                          bool memory_is_hosts = false) {
  DeviceState state;
  state.info.id = id;
  state.info.type = id.is_host() ? device::DeviceType::cpu : device::DeviceType::gpu;
  state.info.memory_is_hosts = memory_is_hosts || id.is_host();
  state.info.description = id.is_host() ? "Some CPU" : "Some GPU";
  state.reading.total = total;
  state.reading.free = free;
  state.reading.source = id.is_host() ? "meminfo" : "ggml";
  if (budget) state.budget = memory::Budget{.bytes = *budget};
  state.ours = ours;
  return state;
}

}  // namespace plimsoll::plan
