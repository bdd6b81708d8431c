// A second process, whose pipelines lie on the disk, warms up in short on a device and takes no more afterwards.
#include <gtest/gtest.h>

#include "run/instance.hpp"

#include "line_worker.hpp"
#include "mixed_workload.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::run {
namespace {

// One life of a program: says whether the warm-up was a repeated one, and what the workload found wrong.
template <class Say>
void live(const std::string& store_file, const Say& say) {
  plan::Request request = test::small_request("llama-dense", "Vulkan0", 2);
  request.dry_run.context.n_batch = 64;
  request.dry_run.context.n_ubatch = 32;
  plan::Store store(store_file);
  MemoryAccounting accounting;
  const auto instance = test::reserve(accounting, test::plan_of(request));
  instance->load();
  instance->create_context();
  const WarmUpReport& report = instance->warm_up({}, &store);
  instance->seal();
  say(report.repeated ? "repeated" : "full");
  for (const std::string& violation : workload::run_mixed(*instance, {.decodes = 200}).violations()) say(violation);
  say("done");
}

TEST(RepeatedWarmUpVulkanTest, ASecondProcessIsReadySoonerAndTakesNothingLater) {
  const test::TemporaryFolder folder;
  const std::string store_file = folder / "plimsoll.db";
  for (const std::string expected : {"full", "repeated"}) {
    test::LineWorker worker([&](const auto& say) { live(store_file, say); });
    EXPECT_EQ(worker.hear(), expected);
    EXPECT_EQ(worker.hear(), "done") << worker.ending();
  }
}

}  // namespace
}  // namespace plimsoll::run
