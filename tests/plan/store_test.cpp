#include "plan/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <temporary_folder.hpp>
#include <vector>

#include "dry_run/dry_run_json.hpp"
#include "dry_run/request_files.hpp"

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

using dry_run::files_of;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    asked.model.path = folder / "model.gguf";
    folder.write("model.gguf", "weights");
  }
  test::TemporaryFolder folder;
  const std::string path = folder / "cache/plimsoll.db";  // its folder is made
  dry_run::DryRunRequest asked = request().dry_run;
  const dry_run::DryRun dry_run = gpu_dry_run();
  const std::vector<std::string> devices{"Vulkan0 Some GPU 8589934592"};
};

TEST_F(StoreTest, ADryRunIsRememberedWholeByTheNextStore) {
  {
    Store(path).keep_dry_run(asked, files_of(asked), dry_run, devices);
  }
  const auto found = Store(path).find_dry_run(asked, files_of(asked));
  ASSERT_TRUE(found);
  EXPECT_EQ(dry_run::to_json(found->dry_run), dry_run::to_json(dry_run));
  EXPECT_EQ(found->devices, devices);
}

TEST_F(StoreTest, AnotherQuestionIsNotAnsweredByAnOldDryRun) {
  Store store(path);
  store.keep_dry_run(asked, files_of(asked), dry_run, devices);
  dry_run::DryRunRequest other = asked;
  other.context.n_ctx = 8192;
  EXPECT_FALSE(store.find_dry_run(other, files_of(other)));
  other = asked;
  other.model.gpu_layers = 3;
  EXPECT_FALSE(store.find_dry_run(other, files_of(other)));
  folder.write("model.gguf", "other weights");  // the same path, another file
  EXPECT_FALSE(store.find_dry_run(asked, files_of(asked)));
}

TEST_F(StoreTest, TheLastMeasurementsAreKeptEachWithItsTimeAndState) {
  Store store(path);
  EXPECT_FALSE(store.find_runtime("card"));
  store.keep_runtime("card", PipelineCache::cold, 900_MiB);  // once upon a time
  for (std::uint64_t i = 1; i <= kMeasurementsKept; ++i)
    store.keep_runtime("card", i % 2 == 0 ? PipelineCache::warm : PipelineCache::cold, Bytes{i});
  store.keep_runtime("another", PipelineCache::cold, 900_MiB);
  const std::vector<Measurement> kept = store.measurements("card");
  ASSERT_EQ(kept.size(), kMeasurementsKept);
  for (std::uint64_t i = 1; i <= kMeasurementsKept; ++i) {
    EXPECT_EQ(kept[i - 1].bytes, Bytes{i});
    EXPECT_EQ(kept[i - 1].cache, i % 2 == 0 ? PipelineCache::warm : PipelineCache::cold);
    EXPECT_THAT(kept[i - 1].at, testing::MatchesRegex("20..-..-..T..:..:......Z"));
  }
  EXPECT_EQ(store.find_runtime("card"), figure_of(kept));
  EXPECT_LT(*store.find_runtime("card"), 900_MiB);
  store.forget_everything();
  EXPECT_FALSE(store.find_runtime("card"));
  EXPECT_FALSE(store.find_dry_run(asked, files_of(asked)));
}

TEST_F(StoreTest, WhatIsNotTheSameQuestionHasAnotherKey) {
  dry_run::DeviceView view;
  view.info.id = kGpu;
  view.info.description = "Some GPU";
  std::vector<std::string> keys{runtime_key(view, dry_run)};
  const auto vary = [&](auto&& change) {
    dry_run::DeviceView other_view = view;
    dry_run::DryRun other = dry_run;
    change(other_view, other);
    keys.push_back(runtime_key(other_view, other));
  };
  vary([](auto& device, auto&) { device.info.description = "Some GPU, newer driver"; });
  vary([](auto&, auto& other) { other.model.architecture = "gemma3"; });
  vary([](auto&, auto& other) { other.context.n_ubatch = 64; });
  vary([](auto&, auto& other) { other.context.type_k = engine::CacheType::q8_0; });
  vary([](auto&, auto& other) { other.gpu_layers = 3; });
  vary([](auto&, auto& other) { other.outputs = 512; });
  vary([](auto&, auto& other) { other.entries.push_back(buffer(kGpu, memory::Stage::weights, 1_MiB)); });
  vary([](auto&, auto& other) { other.entries.push_back(buffer(kGpu, memory::Stage::projector, 1_MiB)); });
  vary([](auto&, auto& other) { other.entries.push_back(buffer(kGpu, memory::Stage::adapter, 1_MiB)); });
  vary([](auto&, auto& other) {
    for (dry_run::BufferEntry& entry : other.entries) {
      if (entry.stage == memory::Stage::kv_cache) entry.device = kHost;
    }
  });
  vary([](auto&, auto& other) { other.shift_takes_more = true; });
  vary([](auto&, auto& other) { other.context.pooling = engine::Pooling::mean; });
  const std::size_t count = keys.size();
  std::ranges::sort(keys);
  keys.erase(std::ranges::unique(keys).begin(), keys.end());
  EXPECT_EQ(keys.size(), count);
  EXPECT_EQ(runtime_key(view, dry_run), runtime_key(view, dry_run));
}

TEST_F(StoreTest, ObjectsOfOneFileSeeEachOthersFigures) {
  Store first(path);
  Store second(path);
  first.keep_runtime("card", PipelineCache::cold, 100_MiB);
  EXPECT_EQ(second.find_runtime("card"), 100_MiB);
  second.keep_runtime("card", PipelineCache::cold, 200_MiB);
  EXPECT_EQ(first.find_runtime("card"), 200_MiB);
}

// Opening included: several programs start at once on a machine that has no file yet.
TEST_F(StoreTest, ProcessesThatWriteAtOnceLoseNothing) {
  constexpr int kProcesses = 4;
  constexpr std::uint64_t kFigures = 25;
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    const pid_t child = fork();
    if (child == 0) {
      Store store(path);
      for (std::uint64_t i = 1; i <= kFigures; ++i) {
        store.keep_runtime(std::to_string(process), PipelineCache::cold, Bytes{i});
        store.keep_runtime("together", PipelineCache::cold, Bytes{i * 10 + static_cast<std::uint64_t>(process)});
      }
      _exit(store.usable() ? 0 : 1);
    }
    ASSERT_GT(child, 0);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  Store store(path);
  for (int process = 0; process < kProcesses; ++process) {
    const std::vector<Measurement> kept = store.measurements(std::to_string(process));
    ASSERT_EQ(kept.size(), kMeasurementsKept);
    EXPECT_EQ(kept.back().bytes, Bytes{kFigures});
  }
  EXPECT_EQ(store.measurements("together").size(), kMeasurementsKept);
}

TEST_F(StoreTest, OneDeviceOrOneModelCanBeForgotten) {
  dry_run::DeviceView view;
  view.info.id = kGpu;
  dry_run::DeviceView other_view;
  other_view.info.id = device::DeviceId{kGpu.name() + "0"};
  dry_run::DryRun other = dry_run;
  other.model.n_layer = 99;
  const auto keep_all = [&](Store& store) {
    store.keep_dry_run(asked, files_of(asked), dry_run, devices);
    for (const auto& on : {view, other_view}) {
      for (const auto& of : {dry_run, other}) store.keep_runtime(runtime_key(on, of), PipelineCache::cold, 5_MiB);
    }
  };
  const auto knows = [](Store& store, const dry_run::DeviceView& on, const dry_run::DryRun& of) {
    return store.find_runtime(runtime_key(on, of)).has_value();
  };
  Store store(path);
  keep_all(store);
  EXPECT_EQ(store.forget_device(kGpu.name()), 2U);
  EXPECT_FALSE(knows(store, view, dry_run) || knows(store, view, other));
  EXPECT_TRUE(knows(store, other_view, dry_run) && knows(store, other_view, other));
  EXPECT_TRUE(store.find_dry_run(asked, files_of(asked)));

  for (const std::string& named : {asked.model.path, std::string("model")}) {
    keep_all(store);
    EXPECT_EQ(store.forget_model("another"), 0U);
    EXPECT_GE(store.forget_model(named), 3U) << named;
    EXPECT_FALSE(store.find_dry_run(asked, files_of(asked)));
    EXPECT_FALSE(knows(store, view, dry_run) || knows(store, other_view, dry_run));
    EXPECT_TRUE(knows(store, view, other) && knows(store, other_view, other)) << "another shape";
  }
}

// As an earlier version would have left it.
void make_database(const std::filesystem::path& path, const char* sql) {
  std::filesystem::create_directories(path.parent_path());
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
}

TEST_F(StoreTest, WhatAnEarlierVersionMeasuredIsDroppedAndItsStoreGoesOn) {
  const std::string old = folder / "old/plimsoll.db";
  make_database(old,
                "CREATE TABLE survey (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
                "INSERT INTO survey VALUES ('key', '{}');"
                "CREATE TABLE runtime (key TEXT NOT NULL, cache TEXT NOT NULL, bytes INTEGER NOT NULL, "
                "measured_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (key, cache)) WITHOUT "
                "ROWID; INSERT INTO runtime (key, cache, bytes) VALUES ('card', 'cold', 199);");
  Store store(old);
  ASSERT_TRUE(store.usable());
  EXPECT_FALSE(store.find_runtime("card"));
  store.keep_runtime("card", PipelineCache::warm, 5_MiB);
  store.keep_dry_run(asked, files_of(asked), dry_run, devices);
  EXPECT_EQ(Store(old).find_runtime("card"), 5_MiB);
  EXPECT_TRUE(Store(old).find_dry_run(asked, files_of(asked))) << "the second time nothing is dropped";
}

TEST_F(StoreTest, MeasurementsOfVersionTwoAreKept) {
  const std::string old = folder / "two/plimsoll.db";
  make_database(old,
                "CREATE TABLE survey (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
                "CREATE TABLE measurement (id INTEGER PRIMARY KEY, key TEXT NOT NULL, cache TEXT NOT NULL, "
                "bytes INTEGER NOT NULL, at TEXT NOT NULL DEFAULT '2026-11-29T10:00:00.000Z');"
                "INSERT INTO measurement (key, cache, bytes) VALUES ('card', 'cold', 199);"
                "PRAGMA user_version = 2;");
  Store store(old);
  ASSERT_TRUE(store.usable());
  EXPECT_EQ(store.find_runtime("card"), 199_B);
  store.keep_dry_run(asked, files_of(asked), dry_run, devices);
  EXPECT_TRUE(Store(old).find_dry_run(asked, files_of(asked)));
}

// Remembers nothing and says nothing wrong.
void expect_forgetful(Store& store, const dry_run::DryRunRequest& asked, const dry_run::DryRun& dry_run) {
  store.keep_dry_run(asked, files_of(asked), dry_run, {});
  store.keep_runtime("card", PipelineCache::cold, 1_MiB);
  EXPECT_FALSE(store.find_dry_run(asked, files_of(asked)));
  EXPECT_FALSE(store.find_runtime("card"));
  store.forget_everything();
}

TEST_F(StoreTest, AFolderThatCannotBeWrittenIsNoReasonToFail) {
  folder.write("file", "in the way");
  for (const std::string& impossible :
       {folder / "file/plimsoll.db", std::string("/proc/plimsoll/plimsoll.db"), folder.path().string()}) {
    SCOPED_TRACE(impossible);
    Store store(impossible);
    EXPECT_FALSE(store.usable());
    expect_forgetful(store, asked, dry_run);
  }
}

TEST_F(StoreTest, AFileThatIsNoDatabaseIsNoReasonToFailAndIsLeftAlone) {
  const std::string garbage(10'000, 'x');
  folder.write("garbage.db", garbage);
  {
    Store store(folder / "garbage.db");
    EXPECT_FALSE(store.usable());
    expect_forgetful(store, asked, dry_run);
  }
  std::ifstream file(folder / "garbage.db");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), garbage);
}

// A full disk, as a limit on the size of files: every write fails, nothing else does.
TEST_F(StoreTest, AFullDiskIsNoReasonToFail) {
  {
    Store(path).keep_runtime("before", PipelineCache::cold, 5_MiB);
  }
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit nothing_more{.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_FSIZE, &nothing_more);
    Store fresh(folder / "fresh/plimsoll.db");
    fresh.keep_runtime("card", PipelineCache::cold, 1_MiB);
    Store full(path);
    full.keep_runtime("card", PipelineCache::cold, 1_MiB);
    full.keep_dry_run(asked, files_of(asked), dry_run, devices);
    const bool forgetful =
        !fresh.find_runtime("card") && !full.find_runtime("card") && !full.find_dry_run(asked, files_of(asked));
    _exit(forgetful ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Store(path).find_runtime("before"), 5_MiB);
}

TEST_F(StoreTest, LiesInTheUsersCacheFolderUnlessToldOtherwise) {
  setenv("XDG_CACHE_HOME", (folder / "xdg").c_str(), 1);
  EXPECT_EQ(Store().path(), folder / "xdg/plimsoll/plimsoll.db");
  setenv("XDG_CACHE_HOME", "", 1);
  setenv("HOME", (folder / "home").c_str(), 1);
  EXPECT_EQ(cache_folder(), folder / "home/.cache/plimsoll");
  unsetenv("HOME");
  EXPECT_FALSE(Store().usable());
}

// Whatever a process was doing with it when it was killed, the next one finds a whole file.
TEST_F(StoreTest, AProcessKilledWhileItWritesLeavesAWholeFile) {
  for (const unsigned milliseconds : {3U, 15U, 40U}) {
    const pid_t child = fork();
    if (child == 0) {
      Store store(path);
      for (std::uint64_t i = 0;; ++i) {
        store.keep_dry_run(asked, files_of(asked), dry_run, devices);
        store.keep_runtime("key" + std::to_string(i % 7), PipelineCache::cold, Bytes{i});
      }
    }
    usleep(milliseconds * 1000);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    Store store(path);
    ASSERT_TRUE(store.usable());
    store.keep_runtime("after", PipelineCache::warm, 5_B);
    EXPECT_EQ(store.find_runtime("after"), 5_B);
    const auto remembered = store.find_dry_run(asked, files_of(asked));
    if (remembered) {
      EXPECT_EQ(remembered->dry_run.entries, dry_run.entries);
    }
  }
}

}  // namespace
}  // namespace plimsoll::plan
