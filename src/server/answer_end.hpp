// AnswerEnd: what ends an answer beside the model itself: tokens that were named, and a time.
#pragma once
#include <chrono>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/vocab.hpp"

namespace plimsoll::server {

// One thread, but for the client's token, which may be stopped by any.
class AnswerEnd {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `client`: stops the answer as well, and that is no end of it.
  AnswerEnd(std::stop_token client, std::vector<engine::Token> tokens, std::optional<std::chrono::milliseconds> time);

  // Each token, as it was chosen. The first one starts the time.
  void token(engine::Token token, Time now);
  [[nodiscard]] std::stop_token stop() const noexcept { return source_.get_token(); }
  // What ended it; nothing: none of these.
  enum class Why { nothing, token, time };
  [[nodiscard]] Why why() const noexcept { return why_; }

 private:
  std::stop_source source_;
  struct Forward {
    std::stop_source source;
    void operator()() const noexcept { (void)source.request_stop(); }
  };
  std::stop_callback<Forward> from_client_;
  std::vector<engine::Token> tokens_;
  std::optional<std::chrono::milliseconds> time_;
  std::optional<Time> begun_;
  Why why_ = Why::nothing;
};

}  // namespace plimsoll::server
