// write_lora MODEL FILE: a LoRA with numbers of no meaning that fits the model.
#include <fmt/format.h>

#include <fstream>

#include "engine/backend.hpp"
#include "engine/gguf_header.hpp"

#include "decoding.hpp"
#include "tiny_gguf.hpp"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  using namespace plimsoll;
  engine::start_backends();
  const auto model = test::load_on_cpu(argv[1]);
  const engine::ModelFacts& facts = model->facts();
  const auto width = static_cast<std::uint32_t>(facts.n_embd);
  // Of 16 bits each: a model's heads need not make up its width.
  const auto queries = engine::read_gguf_header(argv[1]).tensors.at("blk.0.attn_q.weight").bytes / (2 * width);
  const auto lora = test::tiny_lora(facts.architecture, {.layers = static_cast<std::uint32_t>(facts.n_layer),
                                                         .width_in = width,
                                                         .width_out = static_cast<std::uint32_t>(queries),
                                                         .rank = 4});
  std::ofstream(argv[2], std::ios::binary) << lora.bytes();
  fmt::print("{}: {} layers of {}\n", argv[2], facts.n_layer, width);
}
