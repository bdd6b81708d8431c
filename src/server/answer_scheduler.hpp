// AnswerScheduler: generates the answers of one request together, in as many slots as there are.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "run/ready_signal.hpp"

#include "server_context.hpp"
#include "text_answer.hpp"
#include "text_slot.hpp"

namespace plimsoll::server {

// One thread. One slot is the request's until the end; further ones are taken where they are free and nobody waits for
// one, and given back where somebody does. So no request waits for a slot while it holds one. A prompt is decoded once:
// further answers to it, and prompts that begin alike, go on from a copy.
class AnswerScheduler {
 public:
  // How the request's own slot is given to one of a higher priority, and comes back.
  struct GivingWay {
    std::stop_token asked{};                      // to stop where it is wanted
    std::function<host::AcquireOptions()> how{};  // to acquire it again
    std::function<std::stop_token()> next{};      // `asked` from then on
  };
  // The slot's conversation becomes the first answer's prompt. `rules`: of all answers' slots.
  AnswerScheduler(const ServerContext& server, std::string owner, host::Lease lease, SlotRules rules,
                  const std::vector<engine::Token>& first_prompt, GivingWay giving_way);

  [[nodiscard]] run::ServedModel& model() { return slots_.front()->lease().served(); }
  [[nodiscard]] std::size_t cached_at_first() const noexcept { return cached_at_first_; }  // tokens of that prompt

  // What the request took, for the share of its tenant: see host::Lease::note_tokens().
  void note_tokens(double tokens) noexcept { slots_.front()->lease().note_tokens(tokens); }

  struct Work {
    std::size_t answers = 0;
    std::function<TextAnswer::Asked(std::size_t answer)> ask;  // in their order, once each
    std::function<void(const TextAnswer& answer)> ended;       // came to its end, or was broken off
  };
  // Once. Throws Error where an answer fails, which ends the others; cancelled where the client has gone. Then nobody
  // gets to hear of answers that were not begun.
  void run(const Work& work, Listener& listener, TokenTimes& times);

 private:
  void generate(const Work& work, const TextAnswer::Reader& reader);
  void begin_answers(const Work& work, const TextAnswer::Reader& reader);
  void lay_out(TextAnswer& answer);
  [[nodiscard]] TextAnswer* longest_beginning(const std::vector<engine::Token>& prompt, std::size_t more_than) const;
  [[nodiscard]] bool tell_all(const Work& work);
  void break_off(const Work& work, bool forget) noexcept;

  [[nodiscard]] bool is_free(const TextSlot& slot) const;
  [[nodiscard]] TextSlot* free_slot();
  void give_slots_back();
  void listen();
  [[nodiscard]] bool gives_way() const;
  void give_way(const Work& work, Listener& listener);

  ServerContext server_;
  std::string owner_;
  SlotRules rules_;
  std::vector<std::unique_ptr<TextSlot>> slots_;  // the first is the request's own
  run::ReadySignal ready_;
  GivingWay giving_way_;
  struct Notify {
    run::ReadySignal* ready;
    void operator()() const noexcept { ready->notify(); }
  };
  std::optional<std::stop_callback<Notify>> asked_;   // to give way
  std::deque<std::size_t> pending_;                   // answers that are not begun
  std::vector<std::unique_ptr<TextAnswer>> answers_;  // at work; end before their slots
  std::size_t cached_at_first_;
  bool first_is_begun_ = false;
};

}  // namespace plimsoll::server
