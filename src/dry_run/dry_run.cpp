#include "dry_run/dry_run.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "engine/adapter.hpp"
#include "engine/context.hpp"
#include "engine/control_vector.hpp"
#include "engine/model.hpp"
#include "engine/projector.hpp"
#include "tracker/attribution.hpp"

#include "dry_run_observer.hpp"
#include "engine_extension.hpp"
#include "mapped_weights.hpp"

namespace plimsoll::dry_run {
namespace {

using memory::Stage;

// Sums per device, buffer type and stage.
class BufferEntries {
 public:
  void add(ggml_backend_buffer_type_t type, Stage stage, std::uint64_t bytes) {
    add({.device = tracker::device_of(type),
         .buffer = tracker::buffer_name(type),
         .stage = stage,
         .bytes = Bytes{bytes}});
  }

  void add(BufferEntry entry) {
    if (entry.bytes == Bytes{}) return;
    const auto same = [&](const BufferEntry& other) {
      return other.device == entry.device && other.buffer == entry.buffer && other.stage == entry.stage;
    };
    if (const auto found = std::ranges::find_if(entries_, same); found != entries_.end()) {
      found->bytes += entry.bytes;
    } else {
      entries_.push_back(std::move(entry));
    }
  }

  std::vector<BufferEntry> sorted() && {
    std::ranges::sort(entries_, {},
                      [](const BufferEntry& entry) { return std::tie(entry.device, entry.buffer, entry.stage); });
    return std::move(entries_);
  }

 private:
  std::vector<BufferEntry> entries_;
};

// Adapters, and what they add to the graphs. The engine reserves again at the next decode; here that is asked for at
// once, by the same three graphs: prompt of all sequences, one token each, prompt of one.
void dry_run_adapters(const DryRunRequest& request, engine::Context& context, DryRunObserver& seen) {
  if (request.adapters.empty() && request.control_vector.files.empty()) return;
  std::vector<std::pair<std::shared_ptr<engine::Adapter>, float>> adapters;
  {
    const tracker::Scope scope({}, tracker::Phase::adapter);
    for (const engine::AdapterParams& adapter : request.adapters) {
      adapters.emplace_back(engine::Adapter::load(context.model(), adapter.path), engine::planned_scale(adapter.scale));
    }
    if (!request.control_vector.files.empty()) {
      auto loras = std::exchange(seen.adapter, {});
      context.set_control_vector(engine::load_control_vector(context.model()->facts(), request.control_vector));
      seen.control_vector = std::exchange(seen.adapter, std::move(loras));
    }
  }
  const tracker::Scope scope({}, tracker::Phase::context);
  context.set_adapters(adapters);
  const engine::ContextFacts& facts = context.facts();
  const std::uint32_t tokens = std::min(facts.n_ctx, facts.n_ubatch);
  reserve_graph(context.handle(), tokens, facts.n_seq_max, std::min(tokens, facts.n_outputs_max));
  reserve_graph(context.handle(), facts.n_seq_max, facts.n_seq_max, facts.n_seq_max);
  context.set_adapters({});
}

// Positions are moved by a graph of its own, which the engine builds when it is due and reserves nothing for. Of a
// quantised cache it makes whole layers larger: more than any prompt takes, where a context is long. It is met here by
// the engine's own doing: a batch is decoded up to the point where it has its cells; those are moved; the batch gets no
// place to compute in, so that the engine gives it up; with the next batch it moves what was moved.
void dry_run_move(engine::Context& context, DryRunObserver& seen) {
  const tracker::Scope scope({}, tracker::Phase::decode);
  seen.instead_of_computing = [&context, moved = false]() mutable {
    if (std::exchange(moved, true)) return;
    llama_memory_seq_add(llama_get_memory(context.handle()), 0, 0, -1, 1);
  };
  engine::Batch batch;
  batch.add(0, 0, 0, true);
  for (int i = 0; i < 2; ++i) (void)context.decode(batch);
  seen.instead_of_computing = {};
}

// Whether positions can be moved within what is planned. Where more is wanted for it, the plan has more.
void plan_for_moves(const DryRunRequest& request, engine::Context& context, DryRunObserver& seen, DryRun& dry_run) {
  const bool pools = request.context.embeddings && request.context.pooling != engine::Pooling::none;
  dry_run.context.can_shift = context.can_shift() && !pools;
  if (!dry_run.context.can_shift || request.at_creation) return;
  dry_run_move(context, seen);
  const bool more =
      std::ranges::any_of(seen.moving, [&](const auto& size) { return size.second > seen.compute[size.first]; });
  dry_run.context.can_shift = !more || request.context.context_shift;
  dry_run.shift_takes_more = more && request.context.context_shift;
  if (!dry_run.shift_takes_more) return;
  for (const auto& [type, bytes] : seen.moving) seen.compute[type] = std::max(seen.compute[type], bytes);
}

std::int32_t layers_on_accelerators(const engine::Model& model) {
  const engine::ModelParams& params = model.params();
  const bool none = !params.devices.empty() && params.devices.front() == "none";
  bool any = false;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    const enum ggml_backend_dev_type type = ggml_backend_dev_type(ggml_backend_dev_get(i));
    any = any || type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU;
  }
  if (none || !any) return 0;
  const std::int32_t all = model.facts().n_layer + 1;  // the output layer counts as one
  return params.gpu_layers == engine::kAllLayers ? all : std::min(params.gpu_layers, all);
}

// Whether a decode leaves logits behind beside embeddings: not where it pools, and not where the model has no output
// layer, which its graph shows.
bool keeps_logits(const engine::Context& context) {
  const engine::ContextFacts& facts = context.facts();
  if (facts.pooling != engine::Pooling::none) return false;
  const std::uint32_t tokens = std::min(facts.n_ctx, facts.n_ubatch);
  ggml_cgraph* graph = reserve_graph(context.handle(), tokens, facts.n_seq_max, tokens);
  return graph != nullptr && ggml_graph_get_tensor(graph, "result_output") != nullptr;
}

// What the output buffer holds at ready. At creation the engine makes one row for each sequence; warm-up makes it hold
// them all, in place of the first where that is more. Rows are of one size, except for embeddings: there the first rows
// hold logits and embeddings, later ones for what is really computed.
std::uint64_t output_bytes(const engine::Context& context, std::uint64_t at_creation, std::uint32_t rows) {
  if (!context.params().embeddings) return at_creation / context.facts().n_seq_max * rows;
  const engine::ModelFacts& model = context.model()->facts();
  const auto numbers = static_cast<std::uint64_t>(model.n_embd_out + (keeps_logits(context) ? model.n_vocab : 0));
  const bool more = rows > context.facts().n_seq_max;  // the warm-up never asks for more than are planned
  return more ? std::max(at_creation, numbers * sizeof(float) * rows) : at_creation;
}

// The rows that the output entries are of: one for each sequence at creation, later as many as are asked for.
// Embeddings are read from every token, so any batch fills as many rows as it has tokens; what an encoder gives is read
// by the decoder.
std::uint32_t rows_held(const DryRunRequest& request, const engine::Context& context) {
  const engine::ContextFacts& facts = context.facts();
  if (request.at_creation) return facts.n_seq_max;
  std::uint32_t rows = request.context.embeddings ? facts.n_outputs_max : request.context.n_outputs_max;
  if (context.model()->facts().has_encoder) rows = std::max(rows, facts.n_ubatch);
  return std::clamp(rows, facts.n_seq_max, facts.n_outputs_max);
}

// The engine simulates the load of a projector too, but really allocates for it; here it is answered with sizes.
void dry_run_projector(const DryRunRequest& request, DryRun& dry_run, BufferEntries& entries) {
  if (!request.projector.wanted()) return;
  DryRunObserver seen;
  engine::ProjectorNeeds needs;
  {
    const hook::ThreadObserver watching(&seen);
    const tracker::Scope scope({}, tracker::Phase::projector);
    needs = engine::projector_needs(request.projector, request.model);
  }
  for (const auto& [type, bytes] : seen.projector) entries.add(type, Stage::projector, bytes);
  for (const auto& [allocator, sizes] : seen.projector_compute) {
    for (const auto& [type, bytes] : sizes) entries.add(type, Stage::projector, bytes);
  }
  dry_run.transient += Bytes{seen.transient};
  const auto reserved = static_cast<std::int32_t>(seen.projector_rows);
  dry_run.picture_limit = request.projector.image_max_tokens;
  if (needs.sees) dry_run.picture_tokens = reserved;
  if (needs.sees && needs.image_max_tokens > 0) {  // of any size, up to that
    const bool unasked = request.projector.image_max_tokens == 0;
    dry_run.picture_tokens = unasked ? std::min(needs.image_max_tokens, reserved) : needs.image_max_tokens;
    if (unasked && needs.image_max_tokens > reserved) dry_run.picture_limit = reserved;
  }
  if (needs.sees_all_at_once && std::cmp_greater(dry_run.picture_tokens, dry_run.context.n_ubatch)) {
    throw Error(
        ErrorCode::usage,
        fmt::format("this projector's pictures are {} vectors that must be decoded at once, and a micro-batch "
                    "has {}; give it n_ubatch {}",
                    dry_run.picture_tokens, dry_run.context.n_ubatch, dry_run.picture_tokens),
        {{"needed", static_cast<std::uint64_t>(dry_run.picture_tokens)}, {"available", dry_run.context.n_ubatch}});
  }
}

DryRun dry_run_context(const std::shared_ptr<engine::Model>& model, const DryRunRequest& request) {
  DryRunObserver seen;
  const hook::ThreadObserver watching(&seen);
  const tracker::Scope scope({}, tracker::Phase::context);
  const std::unique_ptr<engine::Context> context = engine::Context::create(model, request.context);
  dry_run_adapters(request, *context, seen);

  DryRun dry_run;
  dry_run.model = model->facts();
  dry_run.context = context->facts();
  plan_for_moves(request, *context, seen, dry_run);
  dry_run.gpu_layers = layers_on_accelerators(*model);
  dry_run.outputs = rows_held(request, *context);

  BufferEntries entries;
  const bool mapped = is_mapped(request.model.load_mode);
  for (const auto& [type, held] : memory_breakdown(context->handle(), seen)) {
    if (!mapped || !stays_in_the_file(type)) entries.add(type, Stage::weights, held.model);
    entries.add(type, Stage::kv_cache, held.context);
  }
  if (mapped) {
    for (BufferEntry& entry : mapped_weights(request.model.path, seen.groups)) entries.add(std::move(entry));
  }
  for (const auto& [type, bytes] : seen.state) entries.add(type, Stage::kv_cache, bytes);
  for (const auto& [type, bytes] : seen.compute) entries.add(type, Stage::compute, bytes);
  for (const auto& [type, bytes] : seen.adapter) {
    BufferEntry entry{.device = tracker::device_of(type),
                      .buffer = tracker::buffer_name(type),
                      .stage = Stage::adapter,
                      .bytes = Bytes{bytes}};
    // The engine takes the buffer type of the weight it belongs to, by that name too; it is allocated all the same.
    // A control vector belongs to a layer, and takes what the layer's device gives.
    if (mapped && stays_in_the_file(type)) entry.buffer = "CPU_Mapped";
    entries.add(std::move(entry));
  }
  for (const auto& [type, bytes] : seen.control_vector) entries.add(type, Stage::adapter, bytes);
  for (const auto& [type, bytes] : seen.output)
    entries.add(type, Stage::output, output_bytes(*context, bytes, dry_run.outputs));
  dry_run.transient = Bytes{seen.transient};
  dry_run_projector(request, dry_run, entries);
  dry_run.entries = std::move(entries).sorted();
  return dry_run;
}

std::shared_ptr<engine::Model> load_header(const engine::ModelParams& params, const std::string& header) {
  DryRunObserver seen;
  const hook::ThreadObserver watching(&seen);
  const tracker::Scope scope({}, tracker::Phase::load);
  return engine::Model::load(params, {.header_only = true, .header = header, .progress = {}, .stop = {}});
}

}  // namespace

DryRun dry_run(const DryRunRequest& request) { return DryRunner(request.model).dry_run(request); }

DryRunner::DryRunner(const engine::ModelParams& model, const std::string& header)
    : params_(model), model_(load_header(model, header)) {}

DryRunner::~DryRunner() {
  // The engine frees its empty stand-ins here: they were never charged, and nobody else's accounting may be asked about
  // them.
  DryRunObserver silent;
  const hook::ThreadObserver watching(&silent);
  model_.reset();
}

const engine::ModelParams& DryRunner::params() const noexcept { return params_; }

DryRun DryRunner::dry_run(const DryRunRequest& request) {
  if (request.model != params_) throw Error(ErrorCode::internal, "a dry runner answers for one model only");
  return dry_run_context(model_, request);
}

}  // namespace plimsoll::dry_run
