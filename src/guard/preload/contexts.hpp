// Contexts: the models and contexts of the program: whose bytes an allocation is, the warm-up before a context is
// handed over, and the seal behind it.
#pragma once
#include <llama.h>

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "device/meter.hpp"
#include "guard/guard_report.hpp"
#include "memory/owner.hpp"
#include "memory/reservation.hpp"
#include "tracker/scope.hpp"

#include "accounts.hpp"
#include "calls.hpp"
#include "forking.hpp"
#include "llama_library.hpp"

namespace plimsoll::guard {

// Any thread. Each function stands in the place of the program's call: `registers` is what the program prepared, and
// what it returns is what the program gets.
class Contexts {
 public:
  Contexts(const Settings& settings, Accounts& accounts) : settings_(settings), accounts_(accounts) {}

  [[nodiscard]] std::uint64_t load_model(LlamaLibrary& llama, LlamaCall call, const Registers& registers);
  [[nodiscard]] std::uint64_t load_adapter(LlamaLibrary& llama, LlamaCall call, const Registers& registers);
  [[nodiscard]] std::uint64_t make_context(LlamaLibrary& llama, LlamaCall call, const Registers& registers);
  [[nodiscard]] std::uint64_t compute(LlamaLibrary& llama, LlamaCall call, const Registers& registers);
  // What may make the next graph of a context larger: then it may take more, and is sealed again behind it.
  [[nodiscard]] std::uint64_t change(LlamaLibrary& llama, LlamaCall call, const Registers& registers);
  [[nodiscard]] std::uint64_t free_context(LlamaLibrary& llama, LlamaCall call, const Registers& registers);
  [[nodiscard]] std::uint64_t free_model(LlamaLibrary& llama, LlamaCall call, const Registers& registers);

  // For the report.
  void describe(Report& report) const;

  // Around a fork: see forking.hpp.
  void hold() { mutex_.lock(); }
  void let_go() { mutex_.unlock(); }
  void renew_in_child() noexcept { one_at_a_time_.renew_in_child(); }

 private:
  struct Model {
    memory::Owner owner;
    std::string file;
    bool has_weights = true;  // false: a trial of sizes, of which nothing may be computed
  };
  struct Context {
    memory::Owner owner;
    ContextRow row;
    memory::Reservation reservation;
    std::vector<std::pair<memory::Tag, Bytes>> runtime;
    Bytes taken_at_ready;
    memory::SealCounts late_before;
    bool complete = false;  // everything was seen: it can be sealed
    bool has_weights = true;
    std::atomic<bool> changed = false;
    std::atomic<std::uint64_t> computed = 0;
    std::unique_ptr<device::Meter> meter;  // of the cards it is on
    device::Meter::Reading at_start;       // before the engine made it
    device::Meter::Reading at_ready;
  };
  using ContextPointer = std::shared_ptr<Context>;

  [[nodiscard]] ContextPointer find(const llama_context* context) const;
  [[nodiscard]] std::string name_of(const llama_model* model) const;
  [[nodiscard]] bool has_weights(const llama_model* model) const;
  // The program gets the context, or null.
  [[nodiscard]] llama_context* make_ready(LlamaLibrary& llama, llama_context* made, const void* parameters,
                                          Context& context);
  void warm_up(LlamaLibrary& llama, llama_context* made, const void* parameters, Context& context,
               tracker::Scope& scope);
  void use_cards(Context& context, const device::Meter& every_card, const device::Meter::Reading& at_start);
  void charge_backends(const device::Meter& meter, const device::Meter::Reading& reading);
  void charge_runtime(Context& context);
  void hold(Context& context);
  [[nodiscard]] memory::SealCounts late_of(const Context& context) const;
  void release(Context& context);
  void keep_row(ContextRow row);
  [[nodiscard]] std::optional<run::EarlierWarmUp> earlier_warm_up(const ContextRow& row, bool on_cards) const;
  void note_warm_up(const ContextRow& row);

  const Settings& settings_;
  Accounts& accounts_;
  CallingMutex one_at_a_time_;  // two warm-ups would measure each other
  mutable CallingMutex mutex_;  // of what follows
  std::map<const llama_model*, Model> models_;
  std::vector<ModelRow> freed_models_;
  std::map<const llama_context*, ContextPointer> contexts_;
  std::deque<ContextRow> finished_;  // refused and freed ones, the latest kMostFinished
  std::uint64_t left_out_ = 0;
  std::set<std::string> warmed_;          // what has been warmed up completely: see kind_of()
  std::set<std::string> grown_at_depth_;  // and took more when the context was full
};

}  // namespace plimsoll::guard
