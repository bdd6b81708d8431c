// The documents that answer a question best, by a model trained to tell: rerank MODEL.gguf
#include <iostream>
#include <plimsoll/plimsoll.hpp>
#include "run/embedder.hpp"
#include "run/reranker.hpp"
using namespace plimsoll;

int main(int, char** argv) {
  run::OpenOptions options;
  options.context.n_seq_max = 4;
  run::plan_for_embeddings(options.context, plimsoll::engine::Pooling::rank);
  run::MemoryAccounting accounting;
  auto model = run::open(accounting, argv[1], options);

  const std::vector<std::string> documents{"The wind came from the west.", "Ship's log, day 12.",
                                           "We hauled up the anchor."};
  run::Reranker reranker(*model);
  for (const auto& best : reranker.rank("What was hauled up?", documents, {.sigmoid = true, .top_n = 2}))
    std::cout << best.score << "  " << documents[best.document] << '\n';
}
