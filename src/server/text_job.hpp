// TextJob: one request for text, from its check to its last token.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "api/text_request.hpp"
#include "host/host.hpp"
#include "run/generation.hpp"

#include "answer_end.hpp"
#include "checked_lease.hpp"
#include "model_names.hpp"
#include "prompt_reader.hpp"
#include "response_stream.hpp"
#include "server_context.hpp"
#include "token_times.hpp"

namespace plimsoll::server {

// One thread.
class TextJob {
 public:
  // Reads the prompts, checks the request in full, and asks for the model. What is wrong with it is said here, and has
  // taken no slot. This and what follows throw api::Problem and Error.
  TextJob(ServerContext context, api::TextRequest request, std::string owner, std::stop_token stop);
  ~TextJob();
  TextJob(const TextJob&) = delete;
  TextJob& operator=(const TextJob&) = delete;

  // Waits for the model that long at most. True: it is there, and start() does not wait for it.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds most) { return asked_->wait_for(most); }
  // Waits for the model, and finds the memory to go on from. Once, before what follows.
  void start();
  [[nodiscard]] bool is_started() const noexcept { return lease_.has_value(); }

  [[nodiscard]] const api::ResponseMeta& meta() const noexcept { return meta_; }  // before start(): its model alone
  // All answers, one after the other. Throws Error where one fails; cancelled where the client has gone.
  void run(Listener& listener);
  [[nodiscard]] api::Usage usage() const noexcept;
  [[nodiscard]] const TokenTimes& times() const noexcept { return times_; }

 private:
  void check(const PromptReader& reader);
  [[nodiscard]] host::AcquireOptions how_to_acquire();
  void give_way(run::Generation& generation, Listener& listener);
  void settle() noexcept;
  [[nodiscard]] engine::SamplingParams sampling_for(const PromptReader& reader) const;
  void hold_to_a_form(engine::SamplingParams& sampling) const;
  void limit_thoughts(engine::SamplingParams& sampling) const;
  [[nodiscard]] std::int32_t most_tokens(const std::vector<engine::Token>& prompt) const;
  [[nodiscard]] bool thinks_aloud(const engine::SamplingParams& sampling) const;
  [[nodiscard]] ResponseStream::Form form_of_answer() const;
  [[nodiscard]] std::vector<api::ReadPrompt> shown_prompts() const;
  std::size_t go_back_to(const std::vector<engine::Token>& prompt);
  void answer(std::size_t choice, const std::vector<engine::Token>& prompt, Listener& listener);
  template <class Generation>
  void tell_all(Generation&& generation, const std::vector<engine::Token>& prompt, ResponseStream& stream);
  [[nodiscard]] run::GenerationParams params_of(std::size_t choice, const std::vector<engine::Token>& prompt,
                                                Listener& listener, ResponseStream& stream);
  [[nodiscard]] std::string echoed(const std::vector<engine::Token>& prompt) const;

  ServerContext server_;
  api::TextRequest request_;
  std::string owner_;
  std::stop_token stop_;
  TokenTimes times_{std::chrono::steady_clock::now()};
  std::unique_ptr<PromptCache::Handle> prompt_;  // before the lease, since it ends after it
  NamedModel model_;
  std::optional<CheckedLeaseRequest> asked_;  // until there is a lease
  std::optional<host::Lease> lease_;
  ReadPrompts read_;
  engine::SamplingParams sampling_;  // as asked for, with the grammar of the answer's form
  std::size_t cached_ = 0;           // tokens of the first prompt that are in memory
  std::unique_ptr<AnswerEnd> end_;   // of the answer at work
  std::stop_source give_way_;        // asks it to, for a request of a higher priority
  bool is_charged_ = false;          // its prompt, to the key's limit
  bool first_is_laid_out_ = false;
  bool failed_ = false;
  api::ResponseMeta meta_;
  std::size_t completion_tokens_ = 0;
  std::size_t reasoning_tokens_ = 0;
  using Moment = std::chrono::steady_clock::time_point;
  Moment started_ = std::chrono::steady_clock::now();
  Moment ready_ = started_;              // the model was
  std::optional<api::Timings> timings_;  // of the answers so far
};

}  // namespace plimsoll::server
