// A chat written down in a form of one's own: own_history_transform MODEL.gguf
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

// Each question becomes the heading of a day in a ship's log.
class LogBook : public run::HistoryTransform {
 public:
  std::string to_prompt(const run::ChatHistory& history) const override {
    std::string text;
    for (const engine::ChatMessage& message : history)
      text += message.role == "user" ? "\nDay " + message.content + "." : message.content;
    return text;
  }
  std::vector<std::string> stop_strings() const override {
    return {"\nDay", " Day"};
  }  // the model must not write the next day
};

int main(int, char** argv) {
  run::MemoryAccounting accounting;
  auto model = run::open(accounting, argv[1]);
  run::BatchedExecutor executor(*model);
  run::InteractiveExecutor interactive(executor);
  run::ChatOptions options;
  options.history_transform = std::make_unique<LogBook>();
  run::ChatSession log(interactive, std::move(options));
  for (const char* day : {"12", "13"}) {
    std::cout << "Day " << day << "." << log.say(day, {.predict = 60, .sampling = {.temperature = 0}}).read_all()
              << '\n';
  }
}
