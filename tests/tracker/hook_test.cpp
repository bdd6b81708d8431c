// The hook without a tracker: who is asked, on which thread, and what reaches whom.
#include "tracker/hook.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "engine/backend.hpp"

#include "ggml_doors.hpp"

namespace plimsoll::hook {
namespace {

using ::testing::ElementsAre;
using tracker::allocate;
using tracker::Buffer;

class Recording final : public Observer {
 public:
  std::vector<Origin> origins;
  std::vector<std::size_t> asked;
  int frees = 0;
  bool grants = true;

  ggml_backend_buffer_t allocate(const Request& request) noexcept override {
    origins.push_back(request.origin);
    asked.push_back(request.bytes);
    return grants ? Observer::allocate(request) : refuse();
  }
  void before_free(ggml_backend_buffer_t) noexcept override { ++frees; }
};

class HookTest : public ::testing::Test {
 protected:
  HookTest() { EXPECT_TRUE(exchange_observer(nullptr, &everybodys)); }
  ~HookTest() override { (void)exchange_observer(observer(), nullptr); }
  Recording everybodys;
};

TEST_F(HookTest, EveryDoorTellsItsName) {
  const tracker::TensorContext tensors(16);
  (void)allocate(64);
  (void)tensors.allocate();
  ASSERT_TRUE(tracker::Graph().reserve());
  (void)allocate(64);
  EXPECT_THAT(everybodys.origins, ElementsAre(Origin::direct, Origin::tensors, Origin::graph, Origin::direct));
  EXPECT_EQ(everybodys.frees, 4);
}

struct FreeBackend {
  void operator()(ggml_backend_t backend) const noexcept { ggml_backend_free(backend); }
};

// The ways into ggml that are not stood in front of pass one that is. A new engine that goes another way is noticed
// here.
TEST_F(HookTest, TheDoorsWithoutAHookLeadThroughOneThatHasOne) {
  engine::start_backends();
  const std::unique_ptr<ggml_backend, FreeBackend> cpu(ggml_backend_dev_init(ggml_backend_dev_by_name("CPU"), nullptr));
  const auto expect_seen = [&](Origin origin, const std::function<void()>& door) {
    everybodys.origins.clear();
    door();
    EXPECT_THAT(everybodys.origins, ElementsAre(origin));
  };
  const auto two_tensors = [] {
    tracker::ContextPointer context = tracker::new_context();
    ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, 16);
    ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, 16);
    return context;
  };
  {
    SCOPED_TRACE("ggml_backend_buft_alloc_buffer_n");
    const tracker::ContextPointer context = two_tensors();
    ggml_tensor* first = ggml_get_first_tensor(context.get());
    ggml_tensor* tensors[2] = {first, ggml_get_next_tensor(context.get(), first)};
    expect_seen(Origin::direct,
                [&] { (void)Buffer(ggml_backend_buft_alloc_buffer_n(ggml_backend_cpu_buffer_type(), tensors, 2)); });
  }
  {
    SCOPED_TRACE("ggml_backend_alloc_ctx_tensors");
    const tracker::ContextPointer context = two_tensors();
    expect_seen(Origin::tensors, [&] { (void)Buffer(ggml_backend_alloc_ctx_tensors(context.get(), cpu.get())); });
  }
  {
    SCOPED_TRACE("ggml_backend_alloc_buffer");
    expect_seen(Origin::direct, [&] { (void)Buffer(ggml_backend_alloc_buffer(cpu.get(), 64)); });
  }
  {
    SCOPED_TRACE("ggml_gallocr_reserve");
    expect_seen(Origin::graph, [] { EXPECT_TRUE(tracker::Graph().reserve()); });
  }
  {
    SCOPED_TRACE("ggml_gallocr_alloc_graph");
    expect_seen(Origin::graph, [] { EXPECT_TRUE(tracker::Graph().allocate()); });
  }
}

TEST_F(HookTest, PlaceholdersOfNoBytesAreNotReported) {
  const Buffer empty = allocate(0);
  EXPECT_TRUE(empty);
  EXPECT_THAT(everybodys.asked, ElementsAre());
}

TEST_F(HookTest, ThreadObserversNestAndLeaveOtherThreadsAlone) {
  Recording outer;
  Recording inner;
  {
    const ThreadObserver first(&outer);
    (void)allocate(1);
    {
      const ThreadObserver second(&inner);
      (void)allocate(2);
      std::jthread([] { (void)allocate(3); }).join();
      {
        const ThreadObserver nobody(nullptr);  // the process's again
        (void)allocate(4);
      }
      (void)allocate(5);
    }
    (void)allocate(6);
  }
  (void)allocate(7);
  EXPECT_THAT(outer.asked, ElementsAre(1, 6));
  EXPECT_THAT(inner.asked, ElementsAre(2, 5));
  EXPECT_THAT(everybodys.asked, ElementsAre(3, 4, 7));
}

TEST_F(HookTest, AThreadsRefusalIsNotTheOthers) {
  Recording strict;
  strict.grants = false;
  const ThreadObserver here(&strict);
  EXPECT_FALSE(allocate(64));
  std::jthread([] { EXPECT_TRUE(allocate(64)); }).join();
}

TEST_F(HookTest, WhatAnObserverAllocatesPastTheHookIsNotAskedForAgain) {
  const tracker::TensorContext tensors(16);
  const Buffer one(real::alloc_buffer(ggml_backend_cpu_buffer_type(), 64));
  EXPECT_TRUE(one);
  const tracker::ContextPointer context = tracker::new_context();
  ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, 16);
  const Buffer two(real::alloc_tensors(context.get(), ggml_backend_cpu_buffer_type()));
  EXPECT_TRUE(two);
  EXPECT_THAT(everybodys.asked, ElementsAre());
}

// Does not come back before another observer is in its place.
class Lingering final : public Observer {
 public:
  std::atomic<bool> inside = false;
  std::atomic<bool> left = false;
  ggml_backend_buffer_t allocate(const Request& request) noexcept override {
    inside = true;
    while (observer() == this) std::this_thread::yield();
    left = true;
    return Observer::allocate(request);
  }
};

TEST_F(HookTest, WhoReplacesAnObserverWaitsUntilEveryCallHasLeftIt) {
  Lingering lingering;
  ASSERT_TRUE(exchange_observer(&everybodys, &lingering));
  const std::jthread worker([] { (void)allocate(64); });
  while (!lingering.inside) std::this_thread::yield();
  ASSERT_TRUE(exchange_observer(&lingering, nullptr));
  EXPECT_TRUE(lingering.left);
}

TEST_F(HookTest, OnlyTheExpectedObserverIsReplaced) {
  Recording other;
  EXPECT_FALSE(exchange_observer(&other, nullptr));
  EXPECT_EQ(observer(), &everybodys);
  EXPECT_TRUE(exchange_observer(&everybodys, &other));
  EXPECT_EQ(observer(), &other);
}

class RecordingUploader final : public Uploader {
 public:
  std::vector<std::size_t> written;
  int finished = 0;
  bool takes = true;
  bool write(ggml_tensor*, const void*, std::size_t, std::size_t bytes) noexcept override {
    written.push_back(bytes);
    return takes;
  }
  void stay_mapped(void*, std::size_t) noexcept override {}
  void finish_uploads() noexcept override { ++finished; }
};

// A tensor of floats with a buffer.
struct Tensor {
  tracker::ContextPointer context = tracker::new_context();
  ggml_tensor* tensor = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, 4);
  Buffer buffer{ggml_backend_alloc_ctx_tensors_from_buft(context.get(), ggml_backend_cpu_buffer_type())};
  void set(float value) { ggml_backend_tensor_set(tensor, std::vector<float>(4, value).data(), 0, 4 * sizeof(float)); }
  [[nodiscard]] float first() const { return *static_cast<const float*>(tensor->data); }
};

TEST(UploaderTest, WhatItTakesGgmlDoesNotWriteAndOnlyOnItsThread) {
  Tensor one;
  one.set(1);
  RecordingUploader uploader;
  {
    const ThreadUploader here(&uploader);
    one.set(2);
    EXPECT_EQ(one.first(), 1.0F);
    std::jthread([&] { one.set(3); }).join();
    EXPECT_EQ(one.first(), 3.0F);
    uploader.takes = false;
    one.set(4);
    EXPECT_EQ(one.first(), 4.0F);
    real::write(one.tensor, std::vector<float>(4, 5).data(), 0, 4 * sizeof(float));
    EXPECT_EQ(one.first(), 5.0F);
  }
  one.set(6);
  EXPECT_EQ(one.first(), 6.0F);
  EXPECT_THAT(uploader.written, ElementsAre(16, 16));
}

TEST(UploaderTest, NothingIsOnItsWayWhereABufferIsFreedOrATensorRead) {
  RecordingUploader uploader;
  Tensor one;
  float first = 0;
  {
    const ThreadUploader here(&uploader);
    (void)allocate(64);
    EXPECT_EQ(uploader.finished, 1);
    ggml_backend_tensor_get(one.tensor, &first, 0, sizeof(first));
    EXPECT_EQ(uploader.finished, 2);
  }
  (void)allocate(64);
  ggml_backend_tensor_get(one.tensor, &first, 0, sizeof(first));
  EXPECT_EQ(uploader.finished, 2);
}

TEST(UploaderTest, MeanwhileTheEngineIsToldOfSeveralMemoryNodes) {
  engine::start_backends();
  ggml_backend_reg_t cpu = ggml_backend_dev_backend_reg(ggml_backend_dev_by_name("CPU"));
  const auto has_several_nodes = [&] {
    void* answer = ggml_backend_reg_get_proc_address(cpu, "ggml_backend_cpu_is_numa");
    return answer != nullptr && reinterpret_cast<bool (*)()>(answer)();
  };
  EXPECT_FALSE(has_several_nodes());
  RecordingUploader uploader;
  {
    const ThreadUploader here(&uploader);
    EXPECT_TRUE(has_several_nodes());
    EXPECT_NE(ggml_backend_reg_get_proc_address(cpu, "ggml_backend_set_n_threads"), nullptr);
    std::jthread([&] { EXPECT_FALSE(has_several_nodes()); }).join();
  }
  EXPECT_FALSE(has_several_nodes());
}

}  // namespace
}  // namespace plimsoll::hook
