// ChannelReader: an answer of gpt-oss, which is a row of messages in channels, told apart into thoughts and answer.
#pragma once
#include <string>
#include <string_view>

namespace plimsoll::api {

// A message is a header, "<|start|>assistant<|channel|>final<|message|>", its text, and an end. The first header has
// lost what the prompt has of it. Thoughts are what is in the channel "analysis"; what is said in the others is the
// answer, without the headers. A call of a function goes on as it is, header and all, for a ToolCallReader. Text in
// front of any header is an answer. A value; one thread.
class ChannelReader {
 public:
  struct Read {
    std::string thoughts{};
    std::string answer{};
  };

  // `inside`: the prompt ends in a thought.
  explicit ChannelReader(bool inside) : place_(inside ? Place::thought : Place::header) {}

  [[nodiscard]] Read push(std::string_view piece);
  [[nodiscard]] Read finish();
  [[nodiscard]] bool inside() const noexcept { return place_ == Place::thought; }
  [[nodiscard]] bool answers() const noexcept { return place_ == Place::answer || place_ == Place::call; }
  // What has come of it is neither a thought nor an answer.
  [[nodiscard]] bool in_a_header() const;

 private:
  enum class Place { header, thought, answer, call };
  // Each of these answers whether there is more to read in what is held.
  [[nodiscard]] bool step(Read& out, bool last);
  [[nodiscard]] bool header(Read& out, bool last);
  [[nodiscard]] bool text(Read& out, bool last);
  void tell(Read& out, std::string_view text);

  Place place_;
  std::string held_;
  std::string blank_;          // whitespace that is told with what comes behind it
  bool any_thoughts_ = false;  // have been told, and so with answers
  bool any_answer_ = false;
  bool is_new_ = true;  // nothing of this message's text has been told
};

}  // namespace plimsoll::api
