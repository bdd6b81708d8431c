// Host: the models of a fleet in one process: loaded when they are asked for, evicted when others need their place.
//
//   plimsoll::Host host(runtime, "fleet.toml");
//   plimsoll::Lease lease = host.acquire("chat");
//   std::cout << lease.conversation().generate("Day 12.").read_all();
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/conversation.hpp>
#include <plimsoll/embedder.hpp>
#include <plimsoll/fleet.hpp>
#include <plimsoll/host/status.hpp>
#include <plimsoll/reranker.hpp>
#include <plimsoll/runtime.hpp>

namespace plimsoll {

using ConversationId = std::uint64_t;  // of a conversation that outlives its leases, and its model's stay on the device

// A model that could go for another one: resident, not pinned.
struct EvictionCandidate {
  std::string name;
  std::chrono::milliseconds idle{};         // since the end of its last lease; 0 while it has one
  std::chrono::milliseconds reload_time{};  // measured, else an estimate
  int priority = 0;
};

struct HostOptions {
  // How much a candidate would be missed, >= 0; of sets of equal size the one with the smallest sum goes. Empty: as
  // the fleet's `eviction` says. Called on any thread, with the host's lock held: it must be quick and must not call
  // the host. What it throws is an error for the requests that wait for memory.
  std::function<double(const EvictionCandidate&)> regret{};
  std::size_t longest_queue = 1000;  // requests that wait; who comes then is refused with Error{busy}
  // The program `plimsoll`, which is run as the process of models that have one. Empty: the one that was installed with
  // this library, or beside this program, else the one in PATH; where there is none, such a model fails.
  std::filesystem::path program{};
  // Told each change of a model's state, from the first on, on the thread that caused it, perhaps with the host's lock
  // held and before the host is made: it must be quick and must not call the host.
  std::function<void(const std::string& model, host::ModelState from, host::ModelState to)> on_change{};
};

struct AcquireOptions {
  std::optional<ConversationId> conversation{};         // go on with that one; empty: one that ends with the lease
  std::optional<std::chrono::milliseconds> patience{};  // Error{busy} after that; empty: wait as long as it takes
  bool wait = true;                                     // false: Error{busy} where models at work hold the memory
  std::stop_token stop{};
};

// The right to use a ready model: while it lives, its model is not evicted. Move-only; one thread. Holds the host.
// Moved from, it throws Error{usage}.
class Lease {
 public:
  Lease(Lease&&) noexcept;
  Lease& operator=(Lease&&) noexcept;
  ~Lease();

  [[nodiscard]] const std::string& model() const;
  // Its own sequence of the model's context, valid until the lease is moved or ends. Throws Error{unsupported} for a
  // model that was planned for embeddings.
  [[nodiscard]] Conversation& conversation();
  // Of a model that was planned for embeddings, or for ranking; else Error{usage}.
  [[nodiscard]] std::vector<Embedding> embed(std::span<const std::string> texts, const EmbedOptions& options = {});
  [[nodiscard]] std::vector<Ranked> rank(std::string_view query, std::span<const std::string> documents,
                                         const RankOptions& options = {});

  struct State;
  explicit Lease(std::shared_ptr<State> state) noexcept;

 private:
  [[nodiscard]] State& state() const;
  std::shared_ptr<State> state_;
  std::optional<Conversation> conversation_;  // once asked for
};

// What came of another fleet, its models by their names.
struct HostReload {
  bool applied = false;  // false: nothing was changed
  std::vector<std::string> added{};
  std::vector<std::string> changed{};
  std::vector<std::string> removed{};
  std::vector<std::string> unchanged{};
  std::vector<std::string> later{};    // settings that count for the next host only
  std::vector<std::string> reasons{};  // why not; of what was applied: what is wrong with single models all the same
};

// A handle: copies are the same host, which ends with the last of its handles and leases: then loads are stopped, and
// everything is given back. Any thread. Moved from, it throws Error{usage}.
class Host {
 public:
  // Plans every model; loads those that are to be loaded at start, which is not waited for. A model that cannot be used
  // is failed, and requests for it are told why. Throws Error{usage} where the fleet contradicts itself, and why the
  // first model cannot be used where none can.
  Host(Runtime runtime, const Fleet& fleet, HostOptions options = {});
  // Of a TOML file: see docs/hosting.md.
  Host(Runtime runtime, const std::filesystem::path& fleet_file, HostOptions options = {});
  // Of such a file's text; relative paths in it begin at `folder`.
  [[nodiscard]] static Host of_text(Runtime runtime, std::string_view fleet, const std::filesystem::path& folder,
                                    HostOptions options = {});

  // Waits until the model is ready and has a slot free. Throws Error: usage (no such model or conversation),
  // over_budget (it cannot fit, whoever goes), out_of_device_memory (nor at this moment, since others hold the memory),
  // busy, cancelled, and what loading failed with.
  [[nodiscard]] Lease acquire(const std::string& model, AcquireOptions options = {}) const;
  // Nothing is taken for it until it is first used.
  [[nodiscard]] ConversationId new_conversation(const std::string& model) const;
  void end_conversation(ConversationId conversation) const;  // throws Error{busy} while it has a lease

  void load(const std::string& model, std::stop_token stop = {}) const;  // without a lease; waits for it
  void unload(const std::string& model) const;                           // once nobody has a lease; does not wait
  void pin(const std::string& model, bool pinned) const;

  // Another fleet in the place of this one: models come, go or become others, one after the other as their leases end,
  // and the rest works on. Nothing is changed where it contradicts itself, a model that is new or declared otherwise
  // cannot be used or does not fit even alone, or one that fitted does not under the new budgets: the reasons say so.
  // Throws Error{cancelled} where `stop` was requested before the change began.
  [[nodiscard]] HostReload reload(const Fleet& fleet, const std::stop_token& stop = {}) const;
  [[nodiscard]] HostReload reload(const std::filesystem::path& fleet_file, const std::stop_token& stop = {}) const;
  // Of such a file's text; relative paths in it begin at `folder`.
  [[nodiscard]] HostReload reload_text(std::string_view fleet, const std::filesystem::path& folder,
                                       const std::stop_token& stop = {}) const;

  [[nodiscard]] host::HostStatus status() const;
  [[nodiscard]] Plan plan() const;  // of its models, as they are planned by now

  struct State;  // src/library/host_state.hpp
  explicit Host(std::shared_ptr<State> state) : state_(std::move(state)) {}
  [[nodiscard]] const std::shared_ptr<State>& state() const;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace plimsoll
