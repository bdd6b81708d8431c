// The documents that answer a question best, by a model trained to tell: rerank MODEL.gguf
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int, char** argv) {
  ModelOptions options;
  options.context.n_seq_max = 4;
  const Reranker reranker = Runtime().open_reranker(argv[1], options);

  const std::vector<std::string> documents{"The wind came from the west.", "Ship's log, day 12.",
                                           "We hauled up the anchor."};
  for (const Ranked& best : reranker.rank("What was hauled up?", documents, {.sigmoid = true, .top_n = 2}))
    std::cout << best.score << "  " << documents[best.document] << '\n';
}
