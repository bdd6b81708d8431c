#include "answer_end.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll::server {

AnswerEnd::AnswerEnd(std::stop_token client, std::vector<engine::Token> tokens,
                     std::optional<std::chrono::milliseconds> time)
    : from_client_(std::move(client), Forward{source_}), tokens_(std::move(tokens)), time_(time) {}

void AnswerEnd::token(engine::Token token, Time now) {
  if (!begun_) begun_ = now;
  if (why_ != Why::nothing) return;
  if (std::ranges::contains(tokens_, token)) {
    why_ = Why::token;
  } else if (time_ && now - *begun_ >= *time_) {
    why_ = Why::time;
  } else {
    return;
  }
  (void)source_.request_stop();
}

}  // namespace plimsoll::server
