// The machine's ledger as a table, as JSON and as metrics.
#include "monitor/machine_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace plimsoll::monitor {
namespace {

using testing::HasSubstr;

constexpr broker::BootTime kNow{100'000};
const broker::MemoryKey kCard{.pci = "0000:c1:00.0", .uuid = "5c7a", .name = "CUDA0 NVIDIA H200"};

broker::Picture picture() {
  broker::ShownProcess server{.pid = 4711,
                              .program = "serve",
                              .joined = broker::BootTime(40'000),
                              .accounts = {{.memory = broker::host_key(), .reserved = 2_MiB, .taken = 1_MiB},
                                           {.memory = kCard, .reserved = 8_GiB, .taken = 7_GiB}},
                              .models_left_out = 3};
  server.models = {
      {.name = "chat",
       .work = broker::Work::ready,
       .can_go = true,
       .priority = 2,
       .idle_since = broker::BootTime(10'000),
       .reload_time = std::chrono::milliseconds(800),
       .process = 4712,
       .restarts = 2,
       .parts = {{.account = 1, .reserved = 8_GiB, .taken = 7_GiB}, {.account = 0, .reserved = 1_MiB, .taken = 1_MiB}}},
      {.name = "records", .work = broker::Work::none, .parts = {{.account = 0, .reserved = 64_KiB}}}};
  broker::ShownProcess dead{.pid = 12,
                            .same_pids = false,
                            .program = "generate",
                            .joined = broker::BootTime(50'000),
                            .is_alive = false,
                            .accounts = {{.memory = kCard, .reserved = {}, .taken = 1_GiB}}};
  return {.path = "/dev/shm/plimsoll-1000", .processes = {server, dead}, .damaged = 1};
}

TEST(MachineReportTest, TheTableHasARowForEachMemoryAndModel) {
  const std::string table = to_table(picture(), kNow);
  EXPECT_THAT(table, testing::ContainsRegex("    4711  serve .* 2.00 MiB +1.00 MiB  host\n"));
  EXPECT_THAT(table, testing::ContainsRegex("\n +8.00 GiB +7.00 GiB  0000:c1:00.0 NVIDIA H200\n"));
  EXPECT_THAT(table,
              testing::ContainsRegex(
                  "\n    4712 +chat +ready +90 s +8.00 GiB +7.00 GiB  0000:c1:00.0 NVIDIA H200, restarted 2 times\n"));
  EXPECT_THAT(table, testing::ContainsRegex(" records +64.0 KiB +0 B  host\n"));
  EXPECT_THAT(table, testing::ContainsRegex("     12\\*  generate +dead +0 B +1.00 GiB"));
  EXPECT_THAT(table, HasSubstr("and 3 more\n"));
  EXPECT_THAT(table, HasSubstr("1 entries are damaged"));
  EXPECT_THAT(table, HasSubstr("*: as it is called in its own pid namespace"));
}

TEST(MachineReportTest, ThereIsNobody) {
  EXPECT_EQ(to_table({}, kNow), "no process stands in the machine's ledger\n");
  EXPECT_EQ(to_json({}, kNow).dump(), R"({"schema":"plimsoll.machine/1","ledger":null,"processes":[],"damaged":0})");
  EXPECT_EQ(to_prometheus({}, kNow), "");
}

TEST(MachineReportTest, Json) {
  const auto json = to_json(picture(), kNow);
  const auto& server = json["processes"][0];
  EXPECT_EQ(server["pid"], 4711);
  EXPECT_EQ(server["age_ms"], 60'000);
  EXPECT_EQ(server["memories"][1]["memory"], "0000:c1:00.0");
  EXPECT_EQ(server["memories"][1]["uuid"], "5c7a");
  EXPECT_EQ(server["memories"][1]["reserved"], (8_GiB).value());
  EXPECT_EQ(server["models"][0]["state"], "ready");
  EXPECT_EQ(server["models"][0]["idle_ms"], 90'000);
  EXPECT_EQ(server["models"][0]["may_go"], true);
  EXPECT_EQ(server["models"][0]["process"], 4712);
  EXPECT_EQ(server["models"][0]["restarts"], 2);
  EXPECT_TRUE(server["models"][1]["process"].is_null());
  EXPECT_EQ(server["models"][0]["memories"][0]["taken"], (7_GiB).value());
  EXPECT_TRUE(server["models"][1]["idle_ms"].is_null());
  EXPECT_EQ(server["models_left_out"], 3);
  EXPECT_EQ(json["processes"][1]["alive"], false);
  EXPECT_EQ(json["processes"][1]["pid_is_of_another_namespace"], true);
  EXPECT_EQ(json["damaged"], 1);
}

// What stands in a shared file may be anything.
TEST(MachineReportTest, NonsenseIsShownAsItIs) {
  broker::Picture seen = picture();
  seen.processes.front().program = "\xff";
  seen.processes.front().models.front().parts.front().account = 77;
  seen.processes.front().models.front().idle_since = broker::BootTime(999'999'999);
  EXPECT_NO_THROW((void)to_json(seen, kNow).dump());
  EXPECT_THAT(to_table(seen, kNow), HasSubstr("  ?, restarted 2 times\n"));
  EXPECT_EQ(to_json(seen, kNow)["processes"][0]["models"][0]["idle_ms"], 0);
}

TEST(MachineReportTest, Metrics) {
  const std::string text = to_prometheus(picture(), kNow);
  EXPECT_THAT(text, HasSubstr("plimsoll_machine_processes 2\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_machine_reserved_bytes{memory=\"0000:c1:00.0\",pid=\"4711\",program=\"serve\"} "
                              "8589934592\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_machine_taken_bytes{memory=\"0000:c1:00.0\",pid=\"12\",program=\"generate\"} "
                              "1073741824\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_machine_model_taken_bytes{memory=\"0000:c1:00.0\",model=\"chat\",pid=\"4711\","
                              "program=\"serve\"} 7516192768\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_machine_model_reserved_bytes{memory=\"host\",model=\"records\",pid=\"4711\","
                              "program=\"serve\"} 65536\n"));
  EXPECT_THAT(text,
              HasSubstr("plimsoll_machine_model_idle_seconds{model=\"chat\",pid=\"4711\",program=\"serve\"} 90\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("idle_seconds{model=\"records\"")));
}

}  // namespace
}  // namespace plimsoll::monitor
