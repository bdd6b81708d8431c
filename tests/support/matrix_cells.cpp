#include "matrix_cells.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "arch_models.hpp"

namespace plimsoll::test {
namespace {

constexpr std::uint32_t kSmallMicroBatch = 64;

// Driven in every run; all others where everything is asked for. With sliding windows and experts, and plain.
constexpr std::array<std::string_view, 2> kDriven{"afmoe-moe", "xverse-dense"};

struct Column {
  Placement placement = Placement::host_mapped;
  std::string options;  // for people; empty: none
  engine::ContextParams context;
};

engine::ContextParams context_of(std::uint32_t sequences, engine::CacheType cache,
                                 std::uint32_t micro_batch = kSmallMicroBatch) {
  engine::ContextParams context;
  context.n_ctx = (micro_batch > kSmallMicroBatch ? 1024 : 256) * sequences;
  context.n_batch = micro_batch;
  context.n_ubatch = micro_batch;
  context.n_seq_max = sequences;
  context.n_threads = 1;
  context.type_k = cache;
  context.type_v = cache;
  return context;
}

std::vector<Column> fast_columns() {
  std::vector<Column> all;
  for (const Placement placement :
       {Placement::host_mapped, Placement::host_read, Placement::device_all, Placement::device_half}) {
    for (const std::uint32_t sequences : {1U, 4U}) {
      for (const engine::CacheType cache : {engine::CacheType::f16, engine::CacheType::q8_0}) {
        all.push_back({.placement = placement, .options = "", .context = context_of(sequences, cache)});
      }
    }
  }
  // A micro-batch of the tools' default size, and an accelerator that holds no layer but may compute.
  all.push_back({Placement::host_mapped, "micro-batch 512", context_of(1, engine::CacheType::f16, 512)});
  all.push_back({Placement::device_all, "micro-batch 512", context_of(4, engine::CacheType::f16, 512)});
  all.push_back({Placement::device_none, "", context_of(1, engine::CacheType::f16)});
  all.push_back({Placement::device_none, "micro-batch 512", context_of(4, engine::CacheType::f16, 512)});
  // Layers on two devices, all of them (the engine then keeps several batches in flight) and some.
  all.push_back({Placement::two_devices, "", context_of(1, engine::CacheType::f16)});
  all.push_back({Placement::two_devices, "", context_of(4, engine::CacheType::q8_0)});
  all.push_back({Placement::two_devices_half, "", context_of(4, engine::CacheType::f16)});
  return all;
}

void add_option_columns(std::vector<Column>& all, Placement placement) {
  const auto add = [&](std::string options, auto change) {
    Column column{
        .placement = placement, .options = std::move(options), .context = context_of(4, engine::CacheType::f16)};
    change(column.context);
    all.push_back(std::move(column));
  };
  using Params = engine::ContextParams;
  add("flash attention off", [](Params& c) { c.flash_attn = engine::FlashAttention::off; });
  add("flash attention on", [](Params& c) { c.flash_attn = engine::FlashAttention::on; });
  add("unified cache", [](Params& c) { c.kv_unified = true; });
  add("full-size sliding window", [](Params& c) { c.swa_full = true; });
  add("cache on the host", [](Params& c) { c.offload_kqv = false; });
  add("no host operations offloaded", [](Params& c) { c.op_offload = false; });
  add("four rows of logits at most", [](Params& c) { c.n_outputs_max = 4; });
  add("K q4_0, V f32", [](Params& c) {
    c.type_k = engine::CacheType::q4_0;
    c.type_v = engine::CacheType::f32;
  });
  add("embeddings, pooled", [](Params& c) {
    c.embeddings = true;
    c.pooling = engine::Pooling::mean;
  });
  add("embeddings of tokens", [](Params& c) {
    c.embeddings = true;
    c.pooling = engine::Pooling::none;
  });
  add("batch of four micro-batches", [](Params& c) { c.n_batch = 4 * c.n_ubatch; });
  add("context that needs padding", [](Params& c) { c.n_ctx = 300 * 3; });
}

std::string_view to_string(Placement placement) {
  switch (placement) {
    case Placement::host_mapped:
      return "host mapped";
    case Placement::host_read:
      return "host read";
    case Placement::device_all:
      return "Vulkan all layers";
    case Placement::device_half:
      return "Vulkan half the layers";
    case Placement::device_none:
      return "Vulkan no layers";
    case Placement::two_devices:
      return "two Vulkan devices";
    case Placement::two_devices_half:
      return "two Vulkan devices half the layers";
  }
  return "";
}

std::string name_of(const std::string& path, const Column& column) {
  std::string name =
      fmt::format("{}, {}, {} sequences, {}", std::filesystem::path(path).stem().string(), to_string(column.placement),
                  column.context.n_seq_max, engine::to_string(column.context.type_k));
  return column.options.empty() ? name : name + ", " + column.options;
}

}  // namespace

engine::ModelParams Cell::model() const {
  engine::ModelParams params;
  params.path = path;
  params.use_extra_bufts = repack;
  switch (placement) {
    case Placement::host_mapped:
      params.devices = {"none"};
      break;
    case Placement::host_read:
      params.devices = {"none"};
      params.load_mode = engine::LoadMode::none;
      break;
    case Placement::device_all:
      params.devices = {"Vulkan0"};
      break;
    case Placement::device_half:  // the test models have two to four layers, the output layer counts as one
      params.devices = {"Vulkan0"};
      params.gpu_layers = 2;
      break;
    case Placement::device_none:
      params.devices = {"Vulkan0"};
      params.gpu_layers = 0;
      break;
    case Placement::two_devices:
      params.devices = {"Vulkan0", "Vulkan1"};
      params.tensor_split = {1, 1};
      break;
    case Placement::two_devices_half:
      params.devices = {"Vulkan0", "Vulkan1"};
      params.tensor_split = {1, 1};
      params.gpu_layers = 2;
      break;
  }
  return params;
}

Extent extent_from_environment() {
  const char* value = std::getenv("PLIMSOLL_MATRIX");
  const std::string_view text = value == nullptr ? "fast" : value;
  if (text == "full") return Extent::full;
  if (text == "fast") return Extent::fast;
  throw std::runtime_error(fmt::format("PLIMSOLL_MATRIX is '{}'; it can be fast or full", text));
}

std::vector<Cell> matrix_cells(Extent extent) {
  std::vector<Column> columns = fast_columns();
  if (extent == Extent::full) {
    add_option_columns(columns, Placement::host_mapped);
    add_option_columns(columns, Placement::device_half);
  }
  std::ranges::stable_sort(columns, {}, &Column::placement);
  std::vector<Cell> cells;
  for (const std::string& path : arch_models()) {
    for (const Column& column : columns) {
      cells.push_back(
          {.path = path, .name = name_of(path, column), .placement = column.placement, .context = column.context});
    }
  }
  return cells;
}

namespace {

std::vector<Cell> quantized_cells(std::initializer_list<Placement> placements) {
  std::vector<Cell> cells;
  for (const std::string& path : quantized_models()) {
    for (const bool repack : {true, false}) {
      for (const Placement placement : placements) {
        for (const std::uint32_t sequences : {1U, 4U}) {
          Column column{
              .placement = placement, .options = "", .context = context_of(sequences, engine::CacheType::f16)};
          if (!repack) column.options = "not repacked";
          cells.push_back({.path = path,
                           .name = name_of(path, column),
                           .placement = placement,
                           .context = column.context,
                           .repack = repack});
        }
      }
    }
  }
  return cells;
}

}  // namespace

namespace {

// A context so large, beside micro-batches so small, that what moves a quantised cache needs more than any prompt.
constexpr std::uint32_t kDrivenContext = 2048;

std::vector<Column> driven_columns(Placement placement) {
  std::vector<Column> all;
  const auto add = [&](std::uint32_t sequences, engine::CacheType cache, std::string options, auto change) {
    Column column{.placement = placement, .options = std::move(options), .context = context_of(sequences, cache)};
    change(column.context);
    all.push_back(std::move(column));
  };
  using Params = engine::ContextParams;
  using enum engine::CacheType;
  const auto nothing = [](Params&) {};
  const auto movable = [](Params& c) {
    c.n_ctx = kDrivenContext * c.n_seq_max;
    c.n_ubatch = c.n_batch = 16;
    c.context_shift = true;
  };
  const auto fixed = [&](Params& c) {
    movable(c);
    c.context_shift = false;
  };
  add(1, f16, "driven", nothing);
  add(4, f16, "driven", nothing);
  add(4, f16, "driven, all rows", [](Params& c) { c.n_outputs_max = c.n_batch; });
  add(1, q8_0, "driven, movable", movable);
  add(4, q8_0, "driven, movable", movable);
  add(4, q8_0, "driven, not movable", fixed);
  add(1, f16, "driven, movable, no flash attention", [&](Params& c) {
    movable(c);
    c.flash_attn = engine::FlashAttention::off;
  });
  add(4, q4_0, "driven, movable, unified", [&](Params& c) {
    movable(c);
    c.kv_unified = true;
  });
  add(4, q8_0, "driven, movable, full-size sliding window", [&](Params& c) {
    movable(c);
    c.swa_full = true;
  });
  add(4, f16, "driven, embeddings, pooled", [](Params& c) {
    c.embeddings = true;
    c.pooling = engine::Pooling::mean;
  });
  add(1, f16, "driven, embeddings of tokens", [](Params& c) {
    c.embeddings = true;
    c.pooling = engine::Pooling::none;
  });
  return all;
}

std::vector<std::string> models_of(std::span<const std::string_view> names) {
  std::vector<std::string> models;
  for (const std::string_view name : names) models.push_back(arch_model(name));
  return models;
}

std::vector<Cell> driven_cells(const std::vector<std::string>& models, Placement placement) {
  std::vector<Cell> cells;
  for (const std::string& path : models) {
    for (const Column& column : driven_columns(placement)) {
      cells.push_back({.path = path,
                       .name = name_of(path, column),
                       .placement = placement,
                       .context = column.context,
                       .driven = true});
    }
  }
  return cells;
}

}  // namespace

std::vector<Cell> driven_cells_on_the_cpu(Extent extent) {
  std::vector<std::string> models = models_of(kDriven);
  if (extent == Extent::full) models = arch_models();
  return driven_cells(models, Placement::host_mapped);
}

std::vector<Cell> quantized_cells_on_the_cpu() {
  return quantized_cells({Placement::host_mapped, Placement::host_read});
}

std::vector<Cell> quantized_cells_on_a_device() {
  return quantized_cells({Placement::device_half, Placement::device_none});
}

}  // namespace plimsoll::test
