// A LoRA that is part of the plan, switched on and off between requests: lora MODEL LORA
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int, char** argv) {
  const Model model = Runtime().open(argv[1], {.adapters = {{.path = argv[2], .scale = 1.0F}}});
  const auto answer = [&](float scale) {
    model.set_adapter_scales(std::vector{scale});
    return model.generate("Day 12.", {.predict = 20, .sampling = {.temperature = 0}}).read_all();
  };
  const std::string with = answer(1);
  const std::string without = answer(0);
  std::cout << "with:    " << with << "\nwithout: " << without << "\n";
  std::cout << (with == without ? "no difference, " : "different, ") << model.seal_counts().refused_after_seal
            << " refused after the seal\n";
}
