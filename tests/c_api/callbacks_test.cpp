// Callbacks: what they may call, what they let out, and what they close.
#include "callbacks.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "call.hpp"
#include "expect_error.hpp"
#include "expect_value.hpp"

namespace plimsoll::c_api {
namespace {

using test::expect_code;
using test::expect_error;
using test::expect_ok;
using test::new_stop;

TEST(CApiCallbacks, NotZeroAsksForTheStop) {
  CallbackRun run;
  run.run([] { return 0; });
  EXPECT_FALSE(run.stop_token().stop_requested());
  run.run([] { return -1; });
  EXPECT_TRUE(run.stop_token().stop_requested());
  EXPECT_NO_THROW(run.rethrow());
}

TEST(CApiCallbacks, TheFirstExceptionIsKeptAndStops) {
  CallbackRun run;
  run.run([]() -> std::int32_t { throw std::runtime_error("first"); });
  run.run([]() -> std::int32_t { throw 7; });
  EXPECT_TRUE(run.stop_token().stop_requested());
  try {
    run.rethrow();
    FAIL() << "nothing was thrown";
  } catch (const CallbackFailed& failed) {
    EXPECT_STREQ(failed.what(), "first");
  }
  EXPECT_NO_THROW(run.rethrow());
}

TEST(CApiCallbacks, AStopThatIsGivenIsFollowed) {
  plimsoll_stop* const stop = new_stop();
  CallbackRun run;
  run.follow(stop);
  expect_ok(plimsoll_stop_close(stop));  // closing does not ask for it, nor does it end the following
  EXPECT_FALSE(run.stop_token().stop_requested());

  plimsoll_stop* const asked_before = new_stop();
  expect_ok(plimsoll_stop_request(asked_before));
  CallbackRun late;
  late.follow(asked_before);
  EXPECT_TRUE(late.stop_token().stop_requested());
  expect_ok(plimsoll_stop_close(asked_before));
  CallbackRun other;
  expect_error(ErrorCode::usage, "this stop was closed already", [&] { other.follow(asked_before); });
}

TEST(CApiCallbacks, AQuietOneMayCloseAndStopAndNothingElse) {
  plimsoll_stop* const stop = new_stop();
  CallbackRun run;
  const std::weak_ptr<plimsoll_stop> object = found(stop);
  run.run([&] {
    plimsoll_stop* another = stop;
    expect_code(PLIMSOLL_USAGE, "inside a callback of this kind only", plimsoll_stop_create(&another));
    EXPECT_EQ(another, nullptr);  // out parameters are emptied here, too
    char letter = 'x';
    char* text = &letter;
    std::uint64_t length = 7;
    expect_code(PLIMSOLL_USAGE, "inside a callback of this kind only",
                plimsoll_conversation_text(nullptr, 0, &text, &length));
    EXPECT_EQ(text, nullptr);
    EXPECT_EQ(length, 0U);
    expect_ok(plimsoll_stop_request(stop));
    expect_ok(plimsoll_stop_close(stop));
    EXPECT_FALSE(object.expired());  // it goes with the call
    expect_code(PLIMSOLL_USAGE, "this stop was closed already", plimsoll_stop_close(stop));
    return 0;
  });
  EXPECT_FALSE(object.expired());
  run.clear();
  EXPECT_TRUE(object.expired());
  expect_ok(plimsoll_stop_close(new_stop()));  // outside everything may be called again
}

TEST(CApiCallbacks, WhereLocksAreHeldNothingIsClosed) {
  plimsoll_stop* const stop = new_stop();
  std::string why;
  EXPECT_TRUE(run_quietly(
      [&] {
        expect_code(PLIMSOLL_USAGE, "nothing can be closed: locks are held", plimsoll_stop_close(stop));
        char letter = 'x';
        char* text = &letter;
        expect_code(PLIMSOLL_USAGE, "nothing can be closed: locks are held",
                    plimsoll_model_text_of(nullptr, nullptr, 0, 0, &text, nullptr));
        EXPECT_EQ(text, nullptr);
        expect_ok(plimsoll_stop_request(stop));
      },
      why));
  expect_ok(plimsoll_stop_close(stop));
  EXPECT_FALSE(run_quietly([] { throw std::runtime_error("mine"); }, why));
  EXPECT_EQ(why, "mine");
  EXPECT_FALSE(run_quietly([] { throw 7; }, why));
  EXPECT_FALSE(why.empty());
}

}  // namespace
}  // namespace plimsoll::c_api
