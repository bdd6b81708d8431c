// write_lora MODEL FILE: a LoRA with numbers of no meaning that fits the model.
#include <fmt/format.h>

#include <fstream>

#include <plimsoll/engine/backend.hpp>

#include "decoding.hpp"
#include "tiny_gguf.hpp"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  using namespace plimsoll;
  engine::start_backends();
  const auto model = test::load_on_cpu(argv[1]);
  const engine::ModelFacts& facts = model->facts();
  const auto width = static_cast<std::uint32_t>(facts.n_embd);
  const auto lora = test::tiny_lora(
      facts.architecture,
      {.layers = static_cast<std::uint32_t>(facts.n_layer), .width_in = width, .width_out = width, .rank = 4});
  std::ofstream(argv[2], std::ios::binary) << lora.bytes();
  fmt::print("{}: {} layers of {}\n", argv[2], facts.n_layer, width);
}
