// A chat whose memory follows its history: chat_session MODEL.gguf
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int, char** argv) {
  Chat chat(Runtime().open(argv[1]), {.system = "You are the mate of a ship."});
  const GenerationOptions greedy{.predict = 40, .sampling = {.temperature = 0}};
  for (const char* question : {"Who are you?", "What is the name of the ship?"}) {
    std::cout << "> " << question << '\n';
    auto answer = chat.say(question, greedy);
    for (const std::string& piece : answer) std::cout << piece << std::flush;
    std::cout << '\n';
  }
  const std::string again = chat.regenerate(greedy).read_all();  // does not see the answer that it replaces
  std::cout << "the same again: " << std::boolalpha << (again == chat.history().back().content) << '\n';
  std::cout << "messages: " << chat.history().size() << ", in memory already: " << (chat.stats().reused_tokens > 0)
            << '\n';
}
