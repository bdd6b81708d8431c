// An engine that tells what it holds in another form than the one that we were built against.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "dry_run/dry_run.hpp"
#include "engine/backend.hpp"

#include "arch_models.hpp"
#include "decoding.hpp"
#include "engine_extension.hpp"
#include "expect_error.hpp"

namespace {

// What the test does to the engine's answer; null: nothing.
void (*changed)(llama_memory_breakdown_data&) = nullptr;

}  // namespace

// In front of libllama's.
std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data> llama_get_memory_breakdown(
    const llama_context* context) {
  using Real = std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data> (*)(const llama_context*);
  static const auto kReal = reinterpret_cast<Real>(dlsym(RTLD_NEXT, "_Z26llama_get_memory_breakdownPK13llama_context"));
  auto told = kReal(context);
  if (changed != nullptr) {
    for (auto& [type, bytes] : told) changed(bytes);
  }
  return told;
}

namespace plimsoll::dry_run {
namespace {

class EngineExtensionTest : public testing::Test {
 protected:
  EngineExtensionTest() {
    engine::start_backends();
    request.model.path = test::arch_model("llama-dense");
    request.model.devices = {"none"};
    request.context = test::small_context();
  }
  ~EngineExtensionTest() override { changed = nullptr; }
  DryRunRequest request;
};

TEST_F(EngineExtensionTest, TheEngineAtHandTellsWhatItAskedFor) { EXPECT_FALSE(dry_run(request).entries.empty()); }

// The fields as they would be read where the engine had put one more in front of ours.
TEST_F(EngineExtensionTest, NumbersThatLieElsewhereAreNotRead) {
  changed = [](llama_memory_breakdown_data& bytes) {
    bytes = {.model = 4711, .context = bytes.model, .compute = bytes.context};
  };
  test::expect_error(ErrorCode::unsupported, "tells what it holds in another form", [&] { (void)dry_run(request); });
}

TEST_F(EngineExtensionTest, NumbersOfAnotherSizeAreNotRead) {
  changed = [](llama_memory_breakdown_data& bytes) { bytes.context >>= 32; };
  test::expect_error(ErrorCode::unsupported, "build it again", [&] { (void)dry_run(request); });
}

}  // namespace
}  // namespace plimsoll::dry_run
