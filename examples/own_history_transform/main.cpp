// A chat written down in a form of one's own: own_history_transform MODEL.gguf
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

// Each question becomes the heading of a day in a ship's log.
std::string log_book(const std::vector<ChatMessage>& history) {
  std::string text;
  for (const ChatMessage& message : history)
    text += message.role == "user" ? "\nDay " + message.content + "." : message.content;
  return text;
}

int main(int, char** argv) {
  // The model must not write the next day itself.
  Chat log(Runtime().open(argv[1]), {.form = {.to_prompt = log_book, .stop_strings = {"\nDay", " Day"}}});
  for (const char* day : {"12", "13"}) {
    std::cout << "Day " << day << "." << log.say(day, {.predict = 60, .sampling = {.temperature = 0}}).read_all()
              << '\n';
  }
}
