// Conversations on one context: fork, rewind, save and load: batched MODEL.gguf
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int, char** argv) {
  run::OpenOptions options;
  options.context.n_seq_max = 3;
  options.context.kv_unified = true;  // forks share the memory of their past
  run::MemoryAccounting accounting;
  auto model = run::open(accounting, argv[1], options);
  run::BatchedExecutor executor(*model);
  engine::Sampler greedy(*model->model(), {.temperature = 0});

  const auto go_on = [&](run::Conversation& one, int tokens) {
    for (int i = 0; i < tokens; ++i) {
      if (one.infer() != engine::DecodeStatus::ok) throw std::runtime_error("not decoded");
      one.prompt(one.sample(greedy));
    }
    return model->model()->vocab().detokenize(one.tokens());
  };

  run::Conversation story = executor.create();
  story.prompt("Day 12.");
  go_on(story, 8);

  run::Conversation fork = story.fork();
  fork.prompt(" The captain said");
  std::cout << "forked: " << go_on(fork, 10) << '\n';

  const run::SequenceSnapshot kept = story.save();
  const std::string first = go_on(story, 12);
  story.rewind(13);
  story.prompt(" Then");
  std::cout << "rewound: " << go_on(story, 10) << '\n';

  run::Conversation loaded = executor.load(kept);
  loaded.refresh();  // logits are not saved: the last token is decoded once more
  std::cout << "loaded goes on the same: " << std::boolalpha << (go_on(loaded, 12) == first) << '\n';
}
