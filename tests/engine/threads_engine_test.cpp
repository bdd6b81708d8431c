// OpenMP's pools, as the engine's CPU backend leaves them.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "engine/context.hpp"
#include "engine/model.hpp"
#include "engine/threads.hpp"

#include "arch_models.hpp"

namespace plimsoll::engine {
namespace {

std::ptrdiff_t threads_of_the_process() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}

// A thread that was joined may be listed for a moment longer.
void expect_threads(std::ptrdiff_t expected) {
  for (int i = 0; i < 1'000'000 && threads_of_the_process() != expected; ++i) std::this_thread::yield();
  EXPECT_EQ(threads_of_the_process(), expected);
}

void compute_with_three() {
  ModelParams params;
  params.path = test::arch_model("llama-dense");
  params.devices = {"none"};
  ContextParams context;
  context.n_ctx = 64;
  context.n_batch = 8;
  context.n_ubatch = 8;
  context.n_threads = 3;
  const auto made = Context::create(Model::load(params), context);
  Batch batch;
  batch.add(1, 0, 0, true);
  ASSERT_EQ(made->decode(batch), DecodeStatus::ok);
}

TEST(ComputeThreads, AreGivenUpAndComeAgain) {
  std::thread([] {
    const std::ptrdiff_t before = threads_of_the_process();
    compute_with_three();
    const std::ptrdiff_t with_pool = threads_of_the_process();
    EXPECT_EQ(with_pool, before + 2) << "the CPU backend keeps no pool any more: see release_compute_threads()";
    release_compute_threads();
    expect_threads(before);
    release_compute_threads();  // nothing is left to give up
    compute_with_three();
    expect_threads(with_pool);
    release_compute_threads();
  }).join();
}

// What it leaves of another thread's pool: everything.
TEST(ComputeThreads, AnotherThreadsStay) {
  std::thread([] {
    compute_with_three();
    const std::ptrdiff_t with_pool = threads_of_the_process();
    std::thread([] { release_compute_threads(); }).join();
    expect_threads(with_pool);
    release_compute_threads();
  }).join();
}

}  // namespace
}  // namespace plimsoll::engine
