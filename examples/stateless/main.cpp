// Questions that know nothing of each other, several at a time, on one resident context: stateless MODEL.gguf
#include <chrono>
#include <iostream>
#include <plimsoll/plimsoll.hpp>
#include <thread>
using namespace plimsoll;

int main(int, char** argv) {
  ModelOptions options;
  options.context.n_seq_max = 3;  // requests at a time; a fourth waits for as long as it may
  const Model model = Runtime().open(argv[1], options);

  std::vector<std::string> answers(4);
  {
    std::vector<std::jthread> threads;  // their requests are decoded together
    for (std::size_t i = 0; i < answers.size(); ++i) {
      threads.emplace_back([&, i] {
        const std::string question = "Day " + std::to_string(12 + i) + ".";
        answers[i] = model
                         .generate(question, {.predict = 20, .sampling = {.temperature = 0}},
                                   {.patience = std::chrono::minutes(1)})
                         .read_all();
      });
    }
  }
  for (std::size_t i = 0; i < answers.size(); ++i) std::cout << "Day " << 12 + i << "." << answers[i] << '\n';
  std::cout << "allocations after seal: " << model.seal_counts().allocations_after_seal << '\n';
}
