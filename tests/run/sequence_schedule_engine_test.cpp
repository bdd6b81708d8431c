#include "sequence_schedule.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "conversation_model.hpp"
#include "decoding.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

// Who appended last is who will want what comes of it, whatever it was: threads find each other by it (company.hpp).
TEST(SequenceScheduleTest, WhoAppendsDrives) {
  MemoryAccounting accounting;
  const auto instance = test::ready(accounting, test::lively_request("llama-dense", 2));
  SequenceSchedule schedule(*instance);
  const auto tokens = schedule.create();
  const auto vectors = schedule.create();
  const auto width = static_cast<std::size_t>(instance->model()->facts().n_embd_inp);
  std::thread::id other;
  std::thread([&] {
    other = std::this_thread::get_id();
    schedule.append(*tokens, test::some_tokens(3), false);
    schedule.append_vectors(*vectors, std::vector<float>(2 * width, 0.5F));
  }).join();
  EXPECT_EQ(tokens->driver, other);
  EXPECT_EQ(vectors->driver, other);
  schedule.append_vectors(*vectors, std::vector<float>(width, 0.5F));
  EXPECT_EQ(vectors->driver, std::this_thread::get_id());
}

}  // namespace
}  // namespace plimsoll::run
