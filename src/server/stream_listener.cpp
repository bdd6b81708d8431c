#include "stream_listener.hpp"

#include <utility>

namespace plimsoll::server {

StreamListener::StreamListener(api::AnswerWriter& writer, Write write, HeartbeatRule rule, Now now)
    : writer_(writer), write_(std::move(write)), now_(now), heartbeat_(rule, now()) {}

bool StreamListener::send(const std::string& bytes) {
  const bool is_heard = write_(bytes);
  heartbeat_.wrote(now_());
  return is_heard;
}

// What an answer's writer makes nothing of is silence, too.
bool StreamListener::write(const std::string& events) { return events.empty() ? beat() : send(events); }

bool StreamListener::beat() { return !heartbeat_.is_due(now_()) || send(writer_.heartbeat()); }

}  // namespace plimsoll::server
