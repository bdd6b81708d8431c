// A prompt with a picture; the projector is part of the plan: pictures MODEL PROJECTOR PICTURE
#include <algorithm>
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int, char** argv) {
  const Model model = Runtime().open(argv[1], {.projector = {.path = argv[2]}});
  const std::vector media{model.media_from_file(argv[3])};
  Conversation conversation = model.conversation();
  conversation.prompt("The log of " + model.media_marker() + ", day 12.", media);
  const auto vectors = std::ranges::count(conversation.tokens(), engine::kNoToken);
  std::cout << conversation.generate({.predict = 20, .sampling = {.temperature = 0}}).read_all() << "\n"
            << media.front().width() << " x " << media.front().height() << " pixels became " << vectors << " vectors, "
            << model.seal_counts().allocations_after_seal << " allocations after the seal\n";
}
