// Runtime: the memory of this process: its budgets, its ledger, its devices; what opens models.
//
//   plimsoll::Runtime runtime;
//   plimsoll::Model model = runtime.open("model.gguf");
//   for (const std::string& piece : model.generate("Once upon a time")) std::cout << piece;
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/base/error.hpp>
#include <plimsoll/device/device.hpp>
#include <plimsoll/embedder.hpp>
#include <plimsoll/memory/budget.hpp>
#include <plimsoll/memory/entry.hpp>
#include <plimsoll/model.hpp>
#include <plimsoll/plan.hpp>
#include <plimsoll/reranker.hpp>

namespace plimsoll {

struct RuntimeOptions {
  // A device that none names: 90 % of an accelerator, shared by all Plimsoll processes; no limit on the host.
  std::vector<memory::BudgetRequest> budgets{};
  std::filesystem::path store{};   // what earlier runs have measured; empty: plimsoll.db in the user's Plimsoll cache
  bool prefault = true;            // host memory is touched as it is taken, so that it is really there
  bool require_enforcing = false;  // throw where allocations cannot be refused, instead of going on with advice only
};

// One device as it is now. Unknown is absent.
struct DeviceStatus {
  device::DeviceInfo info;
  std::optional<Bytes> total;
  std::optional<Bytes> free;  // as the device sees it, everybody's use counted
  std::optional<Bytes> budget;
  Bytes reserved;   // permitted to owners of this process: models, and what else it keeps
  Bytes taken;      // placed by them
  Bytes committed;  // what counts against the budget: of each owner the larger of the two
};

// A handle: copies are the same runtime, which lives as long as a handle or anything that was opened with it. One
// runtime per process at a time: making a second one throws Error{usage}. Any thread. An object that was moved from can
// be destroyed and assigned to; every other use throws Error{usage}. The same holds for all classes of the library.
class Runtime {
 public:
  explicit Runtime(const RuntimeOptions& options = {});

  // What the model would take, to the byte, and whether it fits beside what is held already; nothing is taken. What
  // does not fit is an answer, with alternatives. Throws Error: usage, model_unusable. A file that makes the engine
  // give up ends this process: plan files that are not trusted with the program (`plimsoll plan`).
  [[nodiscard]] Plan plan(const std::filesystem::path& path, const ModelOptions& options = {});

  // Plan, reserve, load, create the context, warm up, seal: what comes back is ready, and takes no memory any more.
  // Throws Error: over_budget or out_of_device_memory where it does not fit (nothing was taken then; the message names
  // what would fit, and plan() gives it as values), usage where another model has the name, model_unusable, cancelled.
  // Where an allocation is refused all the same, the error is a memory::Refused.
  [[nodiscard]] Model open(const std::filesystem::path& path, const ModelOptions& options = {});
  // The model and further contexts on its weights, in one plan: all of it fits, or nothing is taken. The model's own
  // context comes first; see Model::open_context().
  [[nodiscard]] Plan plan(const std::filesystem::path& path, const ModelOptions& options,
                          std::span<const ContextOptions> contexts);
  [[nodiscard]] std::vector<Model> open(const std::filesystem::path& path, const ModelOptions& options,
                                        std::span<const ContextOptions> contexts);
  // The same in steps: see ReservedModel.
  [[nodiscard]] ReservedModel reserve(const std::filesystem::path& path, const ModelOptions& options = {});
  // For vectors of texts, and for scores of documents: their contexts are made for that alone.
  [[nodiscard]] Embedder open_embedder(const std::filesystem::path& path, const EmbedderOptions& options = {});
  [[nodiscard]] Reranker open_reranker(const std::filesystem::path& path, const ModelOptions& options = {});

  [[nodiscard]] std::vector<DeviceStatus> devices() const;
  [[nodiscard]] std::vector<memory::Entry> ledger() const;  // sorted by device, owner, stage, buffer type
  // Everything that changed the ledger, oldest first; the oldest are dropped beyond 100,000, and counted in `before`.
  [[nodiscard]] memory::EventRecord events() const;
  // Whether allocations beyond a budget or after a seal are refused ("enforcing"), or only counted ("advisory"; "off":
  // nothing is seen). README.md, "Install", says how a program is linked so that they are.
  [[nodiscard]] std::string_view tracker_mode() const;

  [[nodiscard]] static std::string_view version() noexcept;         // "0.2.0"
  [[nodiscard]] static std::string_view engine_version() noexcept;  // llama.cpp's that this was built against: "0.7.0"

  struct State;  // src/library/runtime_state.hpp
  [[nodiscard]] const std::shared_ptr<State>& state() const;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace plimsoll
