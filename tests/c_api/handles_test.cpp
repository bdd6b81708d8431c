// Handles and errors: what was closed, freed, never made, or is something else.
#include "handles.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "allocations.hpp"
#include "call.hpp"
#include "expect_error.hpp"
#include "expect_value.hpp"

namespace plimsoll::c_api {
namespace {

using test::expect_code;
using test::expect_error;
using test::expect_ok;
using test::new_stop;
using test::seen;

TEST(CApiHandles, AHandleIsFoundUntilItIsClosed) {
  plimsoll_stop* const stop = new_stop();
  ASSERT_NE(stop, nullptr);
  expect_ok(plimsoll_stop_request(stop));
  EXPECT_TRUE(found(stop)->source.stop_requested());
  expect_ok(plimsoll_stop_close(stop));
  expect_code(PLIMSOLL_USAGE, "this stop was closed already", plimsoll_stop_request(stop));
  expect_code(PLIMSOLL_USAGE, "this stop was closed already", plimsoll_stop_close(stop));
}

TEST(CApiHandles, ClosingNothingIsFine) {
  expect_ok(plimsoll_stop_close(nullptr));
  expect_ok(plimsoll_model_close(nullptr));
  expect_ok(plimsoll_monitor_close(nullptr));
  expect_ok(plimsoll_free(nullptr));
  plimsoll_error_free(nullptr);
}

TEST(CApiHandles, NullIsNamed) {
  expect_code(PLIMSOLL_USAGE, "no stop was given: the handle is NULL", plimsoll_stop_request(nullptr));
  std::uint64_t count = 7;
  expect_code(PLIMSOLL_USAGE, "no plan was given", plimsoll_plan_n_devices(nullptr, &count));
  EXPECT_EQ(count, 0U);
  expect_code(PLIMSOLL_USAGE, "there is no place for the stop: its pointer is NULL", plimsoll_stop_create(nullptr));
}

TEST(CApiHandles, AnotherKindIsNamedAlsoOnceItIsClosed) {
  plimsoll_stop* const stop = new_stop();
  auto* const as_model = reinterpret_cast<plimsoll_model*>(stop);
  expect_code(PLIMSOLL_USAGE, "this handle is a stop, where a model is needed", plimsoll_model_close(as_model));
  EXPECT_FALSE(found(stop)->source.stop_requested());
  expect_ok(plimsoll_stop_close(stop));
  expect_code(PLIMSOLL_USAGE, "this handle is a stop, where a model is needed", plimsoll_model_close(as_model));
}

TEST(CApiHandles, WhatNeverWasAHandleIsNotRead) {
  int on_the_stack = 0;
  for (const std::uintptr_t value : {reinterpret_cast<std::uintptr_t>(&on_the_stack), std::uintptr_t{1},
                                     std::uintptr_t{4}, ~std::uintptr_t{0}, std::uintptr_t{0xDEADBEEF00000005}})
    expect_code(PLIMSOLL_USAGE, "this is not a handle of the library, where a stop is needed",
                plimsoll_stop_request(reinterpret_cast<plimsoll_stop*>(value)));
}

// What a fork inherits would wait for threads that it has not.
TEST(CApiHandles, AForkMayCloseWhatItInheritsAndNothingElse) {
  plimsoll_stop* const stop = new_stop();
  plimsoll_error* const error = plimsoll_stop_request(reinterpret_cast<plimsoll_stop*>(1));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    expect_code(PLIMSOLL_USAGE, "this stop belongs to the process that this one was forked from",
                plimsoll_stop_request(stop));
    expect_ok(plimsoll_stop_close(stop));
    expect_code(PLIMSOLL_USAGE, "this stop was closed already", plimsoll_stop_close(stop));
    expect_code(PLIMSOLL_USAGE, "not a handle of the library", error);
    plimsoll_stop* const own = new_stop();
    expect_ok(plimsoll_stop_request(own));
    expect_ok(plimsoll_stop_close(own));
    _exit(HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_FALSE(found(stop)->source.stop_requested());
  expect_ok(plimsoll_stop_close(stop));
}

TEST(CApiHandles, OfTwoThreadsThatCloseOneHandleOneSucceeds) {
  for (int round = 0; round < 200; ++round) {
    plimsoll_stop* const stop = new_stop();
    std::atomic<int> succeeded = 0;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          plimsoll_error* const error = plimsoll_stop_close(stop);
          if (error == nullptr) ++succeeded;
        });
      }
    }
    EXPECT_EQ(succeeded, 1);
  }
}

TEST(CApiHandles, AnObjectLivesUntilItsLastCallReturns) {
  plimsoll_stop* const stop = new_stop();
  const auto inside_a_call = found(stop);
  expect_ok(plimsoll_stop_close(stop));
  inside_a_call->source.request_stop();
  EXPECT_EQ(inside_a_call.use_count(), 1);
}

TEST(CApiErrors, NoErrorSaysSo) {
  EXPECT_EQ(plimsoll_error_code(nullptr), PLIMSOLL_OK);
  EXPECT_STREQ(plimsoll_error_name(nullptr), "ok");
  EXPECT_STREQ(plimsoll_error_message(nullptr), "");
  EXPECT_STREQ(plimsoll_error_numbers(nullptr), "{}");
}

TEST(CApiErrors, AnErrorHasCodeNameSentenceAndNumbers) {
  const auto is =
      seen(call([] { throw Error(ErrorCode::over_budget, "no room", {{"needed", 12}, {"available", 5}}); }));
  EXPECT_EQ(is.code, PLIMSOLL_OVER_BUDGET);
  EXPECT_EQ(is.name, "over_budget");
  EXPECT_EQ(is.message, "no room");
  EXPECT_EQ(is.numbers, R"({"needed":12,"available":5})");
}

TEST(CApiErrors, EveryCodeHasItsName) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
    const auto is = seen(call([&] { throw Error(static_cast<ErrorCode>(code), "x"); }));
    EXPECT_EQ(is.code, code + 1);
    EXPECT_EQ(is.name, to_string(static_cast<ErrorCode>(code)));
  }
}

TEST(CApiErrors, WhateverIsThrownStaysInside) {
  EXPECT_EQ(seen(call([] { throw std::runtime_error("of a library"); })).code, PLIMSOLL_INTERNAL);
  EXPECT_EQ(seen(call([] { throw 7; })).code, PLIMSOLL_INTERNAL);
  const auto memory = seen(call([] { throw std::bad_alloc(); }));
  EXPECT_EQ(memory.code, PLIMSOLL_OUT_OF_HOST_MEMORY);
  EXPECT_EQ(memory.name, "out_of_host_memory");
  EXPECT_EQ(memory.message, "the process has no memory left");
  EXPECT_EQ(seen(call([] { throw std::bad_alloc(); })).message, memory.message);  // freeing it took nothing away
  const auto callback = seen(call([] { throw CallbackFailed("mine"); }));
  EXPECT_EQ(callback.code, PLIMSOLL_CALLBACK_FAILED);
  EXPECT_EQ(callback.name, "callback_failed");
  EXPECT_NE(callback.message.find("mine"), std::string::npos);
}

TEST(CApiErrors, ASentenceIsUtf8WhateverItNames) {
  EXPECT_EQ(seen(call([] { throw Error(ErrorCode::io, "\xFF.gguf"); })).message, "\xEF\xBF\xBD.gguf");
}

TEST(CApiErrors, AFreedErrorSaysSo) {
  plimsoll_error* const error = call([] { throw Error(ErrorCode::io, "x"); });
  plimsoll_error_free(error);
  EXPECT_EQ(plimsoll_error_code(error), PLIMSOLL_USAGE);
  EXPECT_STREQ(plimsoll_error_message(error), "this error was freed already, or never was one");
  EXPECT_STREQ(plimsoll_error_numbers(error), "{}");
  plimsoll_error_free(error);
}

TEST(CApiErrors, ErrorsOfClosingNeedNoFreeingAndAreMadeOnce) {
  plimsoll_stop* const stop = new_stop();
  expect_ok(plimsoll_stop_close(stop));
  plimsoll_error* const first = plimsoll_stop_close(stop);
  const std::size_t handles_then = handles().size();
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(plimsoll_stop_close(stop), first);
  EXPECT_EQ(handles().size(), handles_then);
  plimsoll_error_free(first);
  EXPECT_EQ(plimsoll_error_code(first), PLIMSOLL_USAGE);
  EXPECT_STREQ(plimsoll_error_message(first), "this stop was closed already");
}

TEST(CApiErrors, NothingIsLeftOfWhatWasFreed) {
  const std::size_t before = handles().size();
  for (int i = 0; i < 100; ++i) (void)seen(call([] { throw Error(ErrorCode::io, "x"); }));
  EXPECT_EQ(handles().size(), before);
}

TEST(CApiMemory, AFreedTextIsFreedOnce) {
  char* text = nullptr;
  std::uint64_t length = 0;
  const std::size_t before = allocations();
  give_text("anchor", &text, &length);
  EXPECT_STREQ(text, "anchor");
  EXPECT_EQ(length, 6U);
  EXPECT_EQ(allocations(), before + 1);
  expect_ok(plimsoll_free(text));
  EXPECT_EQ(allocations(), before);
  expect_code(PLIMSOLL_USAGE, "this memory was freed already", plimsoll_free(text));
  int not_ours = 0;
  expect_code(PLIMSOLL_USAGE, "the library never gave it out", plimsoll_free(&not_ours));
}

TEST(CApiInUse, AnotherThreadIsToldAndDoesNotWait) {
  const auto in_use = std::make_shared<InUse>();
  const Entered here(in_use, "conversation");
  {
    const Entered once_more(in_use, "conversation");
  }
  std::jthread([&] {
    expect_error(ErrorCode::usage, "this conversation is in use by another thread",
                 [&] { const Entered there(in_use, "conversation"); });
  }).join();
}

TEST(CApiInUse, WhatWasLeftIsFree) {
  const auto in_use = std::make_shared<InUse>();
  {
    const Entered here(in_use, "chat");
  }
  std::jthread([&] { const Entered there(in_use, "chat"); }).join();
  const Entered again(in_use, "chat");
}

}  // namespace
}  // namespace plimsoll::c_api
