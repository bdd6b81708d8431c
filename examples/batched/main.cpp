// Conversations on one context: fork, rewind, save and restore: batched MODEL.gguf
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int, char** argv) {
  ModelOptions options;
  options.context.n_seq_max = 3;
  options.context.kv_unified = true;  // forks share the memory of their past
  const Model model = Runtime().open(argv[1], options);
  Sampler greedy(model, {.temperature = 0});

  const auto go_on = [&](Conversation& one, int tokens) {
    for (int i = 0; i < tokens; ++i) {
      one.infer();
      one.prompt(one.sample(greedy));
    }
    return one.text();
  };

  Conversation story = model.conversation();
  story.prompt("Day 12.");
  go_on(story, 8);

  Conversation fork = story.fork();
  fork.prompt(" The captain said");
  std::cout << "forked: " << go_on(fork, 10) << '\n';

  const SavedConversation kept = story.save();
  const std::string first = go_on(story, 12);
  story.rewind(13);
  story.prompt(" Then");
  std::cout << "rewound: " << go_on(story, 10) << '\n';

  Conversation restored = model.conversation();
  restored.restore(kept);
  std::cout << "restored goes on the same: " << std::boolalpha << (go_on(restored, 12) == first) << '\n';
}
