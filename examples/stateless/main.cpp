// Questions that know nothing of each other, several at a time, on one resident context: stateless MODEL.gguf
#include <iostream>
#include <plimsoll/plimsoll.hpp>
#include <thread>
using namespace plimsoll;

int main(int, char** argv) {
  run::OpenOptions options;
  options.context.n_seq_max = 3;  // requests at a time; a fourth would throw Error{busy}
  run::MemoryAccounting accounting;
  auto model = run::open(accounting, argv[1], options);
  run::BatchedExecutor executor(*model);
  const run::StatelessExecutor stateless(executor);

  std::vector<std::string> answers(3);
  {
    std::vector<std::jthread> threads;  // the executor decodes their requests together
    for (std::size_t i = 0; i < answers.size(); ++i) {
      threads.emplace_back([&, i] {
        run::Generation generation =
            stateless.infer("Day " + std::to_string(12 + i) + ".", {.predict = 20, .sampling = {.temperature = 0}});
        answers[i] = run::stream(generation);
      });
    }
  }
  for (std::size_t i = 0; i < answers.size(); ++i) std::cout << "Day " << 12 + i << "." << answers[i] << '\n';
  std::cout << "allocations after seal: " << model->seal_counts().allocations_after_seal << '\n';
}
