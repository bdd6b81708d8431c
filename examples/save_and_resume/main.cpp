// A chat that continues from a file as if it had not stopped: save_and_resume MODEL.gguf FILE
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int, char** argv) {
  const Model model = Runtime().open(argv[1]);
  const GenerationOptions greedy{.predict = 30, .sampling = {.temperature = 0}};
  const char* const question = "Where does the ship go?";
  std::string expected;
  {
    Chat chat(model, {.system = "You are the mate of a ship."});
    (void)chat.say("Who are you?", greedy).read_all();
    chat.save(argv[2]);  // history, tokens and memory; whole or not at all
    expected = chat.say(question, greedy).read_all();
  }
  Chat chat(model);
  chat.load(argv[2]);  // refused where it is damaged, or of another model
  const std::string answer = chat.say(question, greedy).read_all();
  std::cout << question << ' ' << answer << '\n';
  std::cout << "the same as without the pause: " << std::boolalpha << (answer == expected) << '\n';
}
