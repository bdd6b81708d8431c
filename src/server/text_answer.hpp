// TextAnswer: one answer of a request, on its way from the model to whoever listens.
#pragma once
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "api/answer.hpp"
#include "run/generation.hpp"
#include "run/ready_signal.hpp"

#include "answer_end.hpp"
#include "response_stream.hpp"
#include "text_slot.hpp"
#include "token_times.hpp"

namespace plimsoll::server {

class TextAnswer;

// What the model thinks of a prompt's tokens: one answer to it finds out, and the others tell the same.
struct PromptLogprobs {
  const TextAnswer* reader = nullptr;
  std::vector<api::TokenLogprob> tokens{};  // from the first on, as far as they were read
};

// The prompt and the objects behind the references outlive it. One thread; what the decode loop calls is private.
class TextAnswer {
 public:
  struct Asked {
    std::size_t choice = 0;
    const std::vector<engine::Token>& prompt;
    bool is_first_of_prompt = true;  // its prompt counts
    std::string echo{};              // stands before the answer
    run::GenerationParams generation{};
    ResponseStream::Form form{};
    std::optional<std::size_t> top_logprobs{};    // 0: those of the chosen tokens alone
    bool after_sampling = false;                  // of those that the samplers left
    std::shared_ptr<PromptLogprobs> of_prompt{};  // null: they are not told
    bool has_media = false;                       // the prompt does: its vectors could not be decoded again
    std::stop_token client{};
    std::vector<engine::Token> stop_tokens{};
    std::optional<std::chrono::milliseconds> most_time{};
    bool tells_progress = false;
    bool is_rated = false;  // by the mean log-probability of its tokens
  };
  struct Reader {
    Listener& listener;
    TokenTimes& times;
    run::ReadySignal& ready;
  };
  TextAnswer(TextSlot& slot, Asked asked, Reader reader);
  ~TextAnswer();
  TextAnswer(const TextAnswer&) = delete;
  TextAnswer& operator=(const TextAnswer&) = delete;

  [[nodiscard]] TextSlot& slot() noexcept { return slot_; }
  [[nodiscard]] const std::vector<engine::Token>& prompt() const noexcept { return asked_.prompt; }
  // The slot's conversation is the prompt; so many of its tokens are in memory.
  void laid_out(std::size_t in_memory);
  // The slot's conversation becomes a copy of the other answer's prompt, once that is in memory; that may be now. The
  // prompt begins as the other one does.
  void follow(TextAnswer& other);
  // The decode loop does nothing for it any more. Called before an answer that follows it ends.
  void stop() noexcept { generation_.reset(); }
  // The decode loop does nothing for it until it goes on; the slot's conversation may be saved and restored meanwhile.
  // tell() still tells what had come, and begins nothing. Only where no answer follows another one.
  void pause();
  void go_on();

  [[nodiscard]] bool is_over() const noexcept { return is_over_; }
  // False: what it found out about its prompt would be lost, or may be: pictures, where there is no room to swap out.
  [[nodiscard]] bool may_pause() const noexcept { return !asked_.has_media && (!asked_.of_prompt || knows_prompt()); }
  // Its prompt has to be computed from the beginning, whatever is in memory.
  [[nodiscard]] bool asks_about_prompt() const noexcept { return asked_.of_prompt != nullptr; }

  // Tells what has come; does not wait. Throws Error where it fails; cancelled where the client has gone.
  enum class Told { nothing, something, its_end };
  [[nodiscard]] Told tell();

  // What it took, at its end.
  [[nodiscard]] std::size_t tokens() const noexcept { return tokens_; }
  [[nodiscard]] std::size_t tokens_of_thoughts() const noexcept { return stream_.tokens_of_thoughts(); }
  [[nodiscard]] const std::optional<api::SchemaVerdict>& schema_check() const noexcept {
    return stream_.schema_check();
  }
  [[nodiscard]] bool counts_prompt() const noexcept { return asked_.is_first_of_prompt; }
  [[nodiscard]] std::size_t cached() const noexcept { return cached_; }  // tokens of a prompt that counts
  [[nodiscard]] api::Timings timings() const;

 private:
  void begin();
  [[nodiscard]] bool may_begin() const;
  [[nodiscard]] bool knows_prompt() const noexcept;
  void ask_about_prompt(run::GenerationParams& params);
  void tell_echo();
  void end();
  [[nodiscard]] Told end_without_a_prompt();
  [[noreturn]] void throw_cancelled() const;
  void tell_progress();
  void add_callbacks(run::GenerationParams& params);
  void on_read(const run::ReadToken& token);
  void on_prompt_decoded();

  TextSlot& slot_;
  run::Conversation* conversation_ = nullptr;  // the slot's, once it is used
  Asked asked_;
  Reader reader_;
  AnswerEnd end_;
  ResponseStream stream_;
  TokenTimes::LastToken last_token_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::optional<std::size_t> in_memory_;  // of the prompt; empty: it is not laid out yet
  std::size_t cached_ = 0;
  std::size_t tokens_ = 0;
  double sum_of_logprobs_ = 0;
  bool has_draft_ = false;
  bool echo_is_told_ = false;
  bool is_over_ = false;  // its end was told
  bool is_paused_ = false;
  std::atomic<bool> is_copied_ = false;

  std::mutex mutex_;  // of what the decode loop leaves here
  bool prompt_is_decoded_ = false;
  std::vector<TextAnswer*> followers_;
  std::vector<api::PromptProgress> progress_;

  std::optional<run::Generation> generation_;  // the last member: its callbacks use the others
};

}  // namespace plimsoll::server
