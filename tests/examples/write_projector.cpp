// write_projector MODEL PROJECTOR PICTURE EARS: projectors with numbers of no meaning that fit the model, one that sees
// and one that hears, and noise to see.
#include <fmt/format.h>

#include <fstream>

#include "engine/backend.hpp"

#include "decoding.hpp"
#include "tiny_projector.hpp"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  using namespace plimsoll;
  engine::start_backends();
  const auto width = static_cast<std::uint32_t>(test::load_on_cpu(argv[1])->facts().n_embd_inp);
  std::ofstream(argv[2], std::ios::binary) << test::tiny_projector(test::ProjectorKind::fixed, width).bytes();
  std::ofstream(argv[3], std::ios::binary) << test::bmp_file(64, 48);
  std::ofstream(argv[4], std::ios::binary) << test::tiny_projector(test::ProjectorKind::hears, width).bytes();
  fmt::print("{}: vectors of {}\n", argv[2], width);
}
