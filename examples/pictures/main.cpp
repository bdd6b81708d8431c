// A prompt with a picture; the projector is part of the plan: pictures MODEL PROJECTOR PICTURE
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int, char** argv) {
  run::MemoryAccounting accounting;
  auto model = run::open(accounting, argv[1], {.projector = {.path = argv[2]}});
  const engine::Projector& projector = model->projector();
  const std::vector media{projector.media_from_file(argv[3])};
  run::BatchedExecutor executor(*model);
  run::Conversation conversation = executor.create();
  conversation.prompt("The log of " + projector.facts().marker + ", day 12.", media);
  const auto vectors = std::ranges::count(conversation.tokens(), LLAMA_TOKEN_NULL);
  run::Generation answer(conversation, {.predict = 20, .sampling = {.temperature = 0}});
  for (const std::string& piece : run::pieces(answer)) std::cout << piece;
  std::cout << "\n"
            << media.front().width() << " x " << media.front().height() << " pixels became " << vectors << " vectors, "
            << model->seal_counts().allocations_after_seal << " allocations after the seal\n";
}
