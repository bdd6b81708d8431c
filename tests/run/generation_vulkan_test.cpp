// A device computes on after decode() has returned: what is told of a request must not be over before it is.
#include <gtest/gtest.h>

#include "run/generation.hpp"

#include "small_models.hpp"

namespace plimsoll::run {
namespace {

TEST(GenerationVulkanTest, APromptIsReadWhenItsLogitsAreThere) {
  MemoryAccounting accounting;
  plan::Request request = test::small_request("llama-dense", "Vulkan0");
  const auto instance = test::ready(accounting, request);
  std::vector<engine::Token> prompt;
  for (engine::Token token = 1; token <= 64; ++token) prompt.push_back(token);
  for (int i = 0; i < 3; ++i) {  // the first one compiles what a quick warm-up left out
    Generation generation(*instance, {.prompt = prompt, .predict = 1, .sampling = {.temperature = 0}});
    while (generation.next()) {
    }
    if (i == 0) continue;
    EXPECT_GT(generation.timing().prompt_ms, generation.timing().generate_ms);  // one token is chosen, none decoded
  }
}

}  // namespace
}  // namespace plimsoll::run
