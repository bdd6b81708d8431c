// Which of these sentences is nearest to a question, by the vectors of a model: embeddings MODEL.gguf
#include <algorithm>
#include <iostream>
#include <numeric>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int, char** argv) {
  EmbedderOptions options{.pooling = engine::Pooling::mean};
  options.model.context.n_seq_max = 4;  // texts that go through the model together
  const Embedder embedder = Runtime().open_embedder(argv[1], options);

  const std::vector<std::string> texts{"The wind came from the west.", "Ship's log, day 12.",
                                       "We hauled up the anchor."};
  const auto vectors = embedder.embed(texts);
  const auto question = embedder.embed("We hauled up the anchor!");

  const auto likeness = [&](const Embedding& one) {  // the vectors have length 1
    return std::inner_product(one.values.begin(), one.values.end(), question.values.begin(), 0.0F);
  };
  const auto nearest = std::ranges::max_element(vectors, {}, likeness);
  std::cout << "nearest: " << texts[static_cast<std::size_t>(nearest - vectors.begin())] << '\n';
}
