// StreamListener: writes an answer's events as they come, and heartbeats where none come.
#pragma once
#include <functional>
#include <string>

#include "api/dialect.hpp"
#include "server/heartbeat.hpp"

#include "response_stream.hpp"

namespace plimsoll::server {

// One thread. The writer outlives it.
class StreamListener final : public Listener {
 public:
  using Write = std::function<bool(const std::string& events)>;  // false: nobody reads them any more
  using Now = Heartbeat::Time (*)();

  StreamListener(api::AnswerWriter& writer, Write write, HeartbeatRule rule, Now now = std::chrono::steady_clock::now);

  void progress(const api::PromptProgress& progress) override { (void)write(writer_.progress(progress)); }
  void nothing_yet() override { (void)beat(); }
  [[nodiscard]] std::chrono::milliseconds look_every() const override { return heartbeat_.rule().step(); }
  bool piece(const api::Piece& piece) override { return write(writer_.piece(piece)); }
  bool end_of_choice(const api::ChoiceEnd& end) override { return write(writer_.end_of_choice(end)); }
  [[nodiscard]] bool write(const std::string& events);
  [[nodiscard]] bool beat();  // where that is due

 private:
  [[nodiscard]] bool send(const std::string& bytes);

  api::AnswerWriter& writer_;
  Write write_;
  Now now_;
  Heartbeat heartbeat_;
};

}  // namespace plimsoll::server
