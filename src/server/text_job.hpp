// TextJob: one request for text, from its check to its last token.
#pragma once
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "api/held_form.hpp"
#include "api/text_request.hpp"
#include "host/host.hpp"
#include "run/generation.hpp"

#include "answer_scheduler.hpp"
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

  // Waits for the model that long at most, and for what its projector makes of pictures and sounds. True: it is there,
  // and start() does not wait for it.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds most);
  // Waits for the model, and finds the memory to go on from. Once, before what follows.
  void start();
  [[nodiscard]] bool is_started() const noexcept { return is_started_; }

  [[nodiscard]] const api::ResponseMeta& meta() const noexcept {
    return meta_;
  }  // before start(): its name and its model
  // All answers, told as they come. Throws Error where one fails, and ends the others; cancelled where the client has
  // gone.
  void run(Listener& listener);
  [[nodiscard]] api::Usage usage() const;
  [[nodiscard]] const TokenTimes& times() const noexcept { return times_; }
  // Of how many answers to a prompt how many are given; all of them, unless best_of asks for more.
  [[nodiscard]] std::size_t answers_per_prompt() const noexcept;
  [[nodiscard]] std::size_t given_per_prompt() const noexcept { return static_cast<std::size_t>(request_.n); }
  // What holds the answers to their form, and what of it is not held.
  [[nodiscard]] const api::HeldForm& held() const noexcept { return held_; }

 private:
  void begin();
  void check(const PromptReader& reader);
  void bring_media();
  void require_capacity(const PromptReader& reader) const;
  [[nodiscard]] std::shared_ptr<const MediaPrompt> take_apart_media(const host::Lease& lease);
  [[nodiscard]] host::AcquireOptions how_to_acquire();
  void note_usage() noexcept;
  [[nodiscard]] engine::SamplingParams sampling_for(const PromptReader& reader);
  // How much of each adapter is in its answers: as the request says, else its preset, else what is usual.
  [[nodiscard]] engine::AdapterScales adapter_scales(const std::vector<engine::AdapterParams>& planned) const;
  void limit_thoughts(engine::SamplingParams& sampling) const;
  [[nodiscard]] std::int32_t most_tokens(const std::vector<engine::Token>& prompt) const;
  [[nodiscard]] ResponseStream::Form form_of_answer() const;
  [[nodiscard]] engine::SamplingParams told_sampling();
  [[nodiscard]] std::vector<api::ReadPrompt> shown_prompts();
  void note_end(const TextAnswer& answer);
  [[nodiscard]] TextAnswer::Asked asked_of(std::size_t choice);
  [[nodiscard]] bool must_see_control_tokens(const ResponseStream::Form& form);
  [[nodiscard]] run::GenerationParams params_of(std::size_t choice, const std::vector<engine::Token>& prompt) const;
  [[nodiscard]] std::shared_ptr<PromptLogprobs> of_prompt(std::size_t prompt);
  [[nodiscard]] std::string echoed(const std::vector<engine::Token>& prompt);

  ServerContext server_;
  api::TextRequest request_;
  std::string owner_;
  std::stop_token stop_;
  TokenTimes times_{std::chrono::steady_clock::now()};
  NamedModel model_;
  ReadPrompts read_;
  engine::SamplingParams sampling_;  // as asked for, with the grammar of the answer's form
  api::HeldForm held_;
  std::optional<CheckedLeaseRequest> asked_;            // until there is a lease
  std::stop_source give_way_;                           // asks the lease to, for a request of a higher priority
  bool is_charged_ = false;                             // the prompt, to its key's limit
  std::unique_ptr<RequestMemory::Share> media_memory_;  // of its pictures and sounds, once they are taken apart
  std::optional<AnswerScheduler> answers_;
  std::future<void> beginning_;  // on a thread of its own, which alone uses the others meanwhile
  bool is_started_ = false;
  std::map<std::size_t, std::shared_ptr<PromptLogprobs>> of_prompts_;  // by prompt, where they are told
  std::size_t cached_ = 0;                                             // tokens of the prompts that were in memory
  api::ResponseMeta meta_;
  std::size_t completion_tokens_ = 0;
  std::size_t reasoning_tokens_ = 0;
  std::optional<api::SchemaVerdict> schema_check_;  // of the answers so far
  using Moment = std::chrono::steady_clock::time_point;
  Moment started_ = std::chrono::steady_clock::now();
  Moment ready_ = started_;              // the model was
  std::optional<api::Timings> timings_;  // of the answers so far
};

}  // namespace plimsoll::server
