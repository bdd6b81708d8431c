// Instance: one model with its one context, from reservation to seal. Each stage is a call of its own; open() is all of
// them.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/adapter.hpp"
#include "engine/context.hpp"
#include "engine/model.hpp"
#include "engine/projector.hpp"
#include "plan/plan.hpp"
#include "plan/store.hpp"
#include "run/decode_loop.hpp"
#include "run/memory_accounting.hpp"
#include "run/warm_up.hpp"
#include "tracker/scope.hpp"
#include "tracker/shared_compute_buffers.hpp"
#include "tracker/uploads.hpp"

namespace plimsoll::run {

class RuntimeGrowth;

// What an instance shares with others. Both outlive it.
struct Sharing {
  // Where its compute buffers come from; it reserves none of its own.
  tracker::SharedComputeBuffers* compute_buffers = nullptr;
  DecodeLoop* loop = nullptr;  // null: it makes one of its own, with its context
};

// What one instance holds at one moment, by the entries of its plan; bytes are what was really taken.
using LedgerSnapshot = std::vector<plan::Entry>;

// reserved -> loaded -> ready (context made, warmed) -> sealed. A stage that throws leaves the instance as it was
// before it, with nothing taken that the earlier stages had not; destroying it gives everything back, the reservation
// last. One thread at a time. Accounting and the plan's devices outlive it.
class Instance {
 public:
  enum class State { reserved, loaded, has_context, warm, sealed };
  // The runtime stage on one device: as measured, and what is reserved for it, which is more where the warm-up may not
  // have seen all of it.
  struct RuntimeShare {
    device::DeviceId device;
    Bytes taken;
    Bytes reserved;
    friend bool operator==(const RuntimeShare&, const RuntimeShare&) = default;
  };
  using Runtime = std::vector<RuntimeShare>;

  // Permission for every charged entry of the plan, all or none. Throws memory::Refused (over_budget) where the
  // accounting refuses; nothing of the engine has been touched then. `devices` are those of the plan. `owner`: the
  // plan's name, where it was claimed before it was planned under; else it is claimed here, and Error{usage} is thrown
  // where another model that is open has it.
  Instance(MemoryAccounting& accounting, plan::ModelPlan plan, const std::vector<plan::DeviceVerdict>& devices,
           Sharing sharing = {}, memory::Owner owner = {});
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Weights, adapters and projector. Throws as engine::Model::load and engine::Projector::load; memory::Refused where
  // our budget or the device refused a buffer.
  // `kept`: what was kept of the same file's weights on accelerators; they come from there.
  void load(engine::Progress progress = {}, std::stop_token stop = {},
            std::shared_ptr<const tracker::KeptWeights> kept = {});
  // In the place of load() where this process has the same file loaded with the same parameters: its weights are used,
  // adapters and projector are loaded. For a plan that names whose weights they are, and for weights that are all page
  // cache: others would have to be this instance's in the accounting. Throws Error{usage} for another file.
  void take_over_model(std::shared_ptr<engine::Model> model);
  // KV cache, compute and output buffers. Throws as engine::Context::create, and memory::Refused likewise.
  void create_context();
  // Drives every shape, measures the runtime stage and charges it. A complete warm-up is kept in `store` as a
  // calibration. Throws Error: cancelled; over_budget where the backend itself took more than the budget has room for.
  const WarmUpReport& warm_up(WarmUpOptions options = {}, plan::Store* store = nullptr);
  // In the place of warm_up() where this process has warmed the same plan before: what that compiled and measured still
  // holds (see runtime()), so only the context's own first steps are left, and the first decode does them.
  void reuse_warm_up(const WarmUpReport& earlier, const Runtime& runtime);
  // Gives back what of the runtime stage is reserved and was not taken: what the warm-up did not see is there already.
  void trim_runtime();
  // From now on only what is held: any allocation beyond the reservation is refused, any inside it counted.
  void seal();

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] memory::Ledger& ledger() noexcept { return accounting_.ledger(); }
  [[nodiscard]] const std::string& name() const noexcept { return plan_.name; }
  [[nodiscard]] const plan::ModelPlan& plan() const noexcept { return plan_; }
  [[nodiscard]] const std::shared_ptr<engine::Model>& model() const noexcept { return model_; }
  // Weights on accelerators that came by tracker::Uploads; valid while the model lives. Empty: the engine copied them.
  [[nodiscard]] const std::vector<tracker::UploadedWeight>& uploaded() const noexcept { return uploaded_; }
  [[nodiscard]] const tracker::UploadCounts& upload_counts() const noexcept { return upload_counts_; }
  // Throws Error{usage} before create_context(). Whatever computes with it, or reads or writes its memory, is done
  // inside on_loop(): backends keep memory of their own for each thread that works with them.
  [[nodiscard]] engine::Context& context();

  // engine::Context::decode under this instance's name in the accounting. A batch that asks for more rows of logits
  // than are held throws Error{sealed}: growing the output buffer now could spoil the context.
  // `adapter_scales`: how much of each planned adapter is in it; empty: as set_adapter_scales() says.
  [[nodiscard]] engine::DecodeStatus decode(const engine::Batch& batch, std::stop_token stop = {},
                                            std::span<const float> adapter_scales = {});
  // engine::Context::encode likewise.
  [[nodiscard]] engine::DecodeStatus encode(const engine::Batch& batch, std::span<const float> adapter_scales = {});
  // Who refused memory to the latest decode() or encode() that answered out_of_memory: our budget, the seal, or the
  // device. Any thread.
  [[nodiscard]] std::optional<memory::Refusal> last_refusal() const;

  // Throws Error{usage} where none was planned, and before load().
  [[nodiscard]] engine::Projector& projector();
  // engine::Projector::encode under this instance's name in the accounting. After the seal, a medium of more vectors
  // than any that the warm-up drove throws Error{sealed}, and nothing was computed.
  [[nodiscard]] std::vector<float> project(const engine::PromptChunk& chunk);

  // Where everything of its context is computed; null before create_context(), unless it shares one.
  [[nodiscard]] DecodeLoop* loop() const noexcept { return loop_; }
  [[nodiscard]] DecodeLoop::Owner loop_owner() const noexcept { return loop_owner_; }
  // Runs `work` there, or here where there is none yet; what it throws is thrown here.
  void on_loop(const std::function<void()>& work);

  // Sequences are handed out by one executor at a time: who claims them while they are throws Error{busy}.
  void claim_sequences();
  void release_sequences() noexcept { claimed_ = false; }

  // How much of each planned adapter is in the answers from now on, in the plan's order; 0: nothing. Sequences in
  // memory were computed with the old ones; those that have scales of their own keep them. With the next decode the
  // engine gives its compute buffers back and takes them anew: inside the reservation, and no violation of the seal.
  // Throws Error{usage} for another number of scales, or one that is no number.
  void set_adapter_scales(std::span<const float> scales);
  void require_adapter_scales(std::span<const float> scales) const;  // throws likewise; none are always right

  [[nodiscard]] const Runtime& runtime() const noexcept { return runtime_; }

  [[nodiscard]] LedgerSnapshot snapshot() const;
  // Since this instance was sealed.
  [[nodiscard]] memory::SealCounts seal_counts() const;
  [[nodiscard]] const WarmUpReport& warm_up_report() const noexcept { return warm_up_; }
  [[nodiscard]] plan::PipelineCache pipeline_cache() const noexcept { return pipeline_cache_; }
  // What this process holds beyond the moment of readiness, and how that is read.
  [[nodiscard]] Bytes growth_after_ready() const;
  [[nodiscard]] std::string how_growth_is_read() const { return meter_.how(); }
  // By decode() and encode(), prompts and answers alike. Any thread.
  [[nodiscard]] std::uint64_t tokens_computed() const noexcept { return tokens_.load(std::memory_order_relaxed); }
  // Of answers, as those who generate have counted them. Any thread.
  [[nodiscard]] std::uint64_t tokens_generated() const noexcept { return generated_.load(std::memory_order_relaxed); }
  void count_generated() noexcept { generated_.fetch_add(1, std::memory_order_relaxed); }
  // The backend broke off in a decode or encode (a lost device), or said again and again that it failed: nothing that
  // follows can be relied on. Any thread.
  [[nodiscard]] bool has_failed() const noexcept { return failures_.load(std::memory_order_relaxed) >= kMostFailures; }
  void note_broken_off() noexcept { failures_ = kMostFailures; }
  // Graphs that had to be allocated again since readiness; 0 is what the seal promises.
  [[nodiscard]] std::int32_t graph_reallocations() const;

 private:
  static constexpr int kMostFailures = 3;  // one may be the batch's
  void must_be(State state, const char* what) const;
  template <class Stage>
  void attributed(tracker::Phase phase, const char* what, Stage&& stage);
  template <class Work>
  void on_loop(tracker::Scope& scope, Work&& work);
  void join(DecodeLoop& loop);
  template <class Work>
  [[nodiscard]] engine::DecodeStatus computed(const engine::Batch& batch, std::span<const float> adapter_scales,
                                              Work&& work);
  [[nodiscard]] engine::DecodeStatus explained(engine::DecodeStatus status, std::optional<memory::Refusal> refusal);
  void measure_runtime(plan::Store* store);
  [[nodiscard]] std::optional<EarlierWarmUp> earlier_warm_up(plan::Store* store) const;
  void keep_warm_up(plan::Store* store) const;
  [[nodiscard]] Bytes planned_runtime(const device::DeviceId& device) const;
  void charge_runtime(const device::DeviceId& device, Bytes taken, Bytes reserved);
  [[nodiscard]] memory::Tag runtime_tag(const device::DeviceId& device) const;
  void begin_loading();
  [[nodiscard]] tracker::Uploads::Request upload_request(std::shared_ptr<const tracker::KeptWeights> kept) const;
  void note_uploads(const tracker::Uploads& uploads, double ms);
  void load_beside_the_model();
  void load_projector();
  void set_all_adapters(engine::Context& context);
  void take_room_for_shifts(tracker::Scope& scope);
  void use_adapters(std::span<const float> scales);
  void mark_ready();

  MemoryAccounting& accounting_;
  memory::Owner owner_;
  plan::ModelPlan plan_;
  Sharing sharing_;
  std::unique_ptr<tracker::SharedComputeBuffers::Borrowing> borrowing_;
  std::vector<dry_run::DeviceView> devices_;  // those that compute for this model
  device::Meter meter_;
  State state_ = State::reserved;
  memory::Reservation reservation_;
  Runtime runtime_;  // measured and charged
  std::shared_ptr<engine::Model> model_;
  std::vector<tracker::UploadedWeight> uploaded_;  // of model_
  tracker::UploadCounts upload_counts_;
  std::vector<std::pair<std::shared_ptr<engine::Adapter>, float>> adapters_;
  engine::AdapterScales scales_in_use_;  // by the latest batch; empty: other ones
  bool graphs_have_changed_ = false;     // with the next batch the engine takes its compute buffers anew
  std::unique_ptr<engine::Projector> projector_;
  std::size_t largest_picture_ = 0;  // vectors of those that were encoded before the seal
  std::size_t largest_sound_ = 0;
  bool projector_is_spoilt_ = false;
  std::unique_ptr<engine::Context> context_;
  WarmUpReport warm_up_;
  plan::PipelineCache pipeline_cache_ = plan::PipelineCache::none;
  std::unique_ptr<RuntimeGrowth> runtime_growth_;  // from loading until it is measured
  device::Meter::Reading at_ready_;
  std::int32_t reallocations_at_ready_ = 0;
  std::atomic<bool> claimed_ = false;
  std::atomic<std::uint64_t> tokens_ = 0;
  std::atomic<std::uint64_t> generated_ = 0;
  mutable std::mutex last_refusal_mutex_;
  std::optional<memory::Refusal> last_refusal_;
  std::atomic<int> failures_ = 0;      // in a row
  memory::SealCounts counts_at_seal_;  // of earlier models of the same name
  std::unique_ptr<DecodeLoop> own_loop_;
  DecodeLoop* loop_ = nullptr;
  DecodeLoop::Owner loop_owner_ = 0;
};

// Claims an instance's sequences while it lives. Throws Error{busy} where another one has them.
class SequenceClaim {
 public:
  explicit SequenceClaim(Instance& instance) : instance_(instance) { instance.claim_sequences(); }
  ~SequenceClaim() { instance_.release_sequences(); }
  SequenceClaim(const SequenceClaim&) = delete;
  SequenceClaim& operator=(const SequenceClaim&) = delete;

 private:
  Instance& instance_;
};

}  // namespace plimsoll::run
