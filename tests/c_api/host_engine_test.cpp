// Hosts, leases and monitors through the C interface.
#include <nlohmann/json.hpp>

#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "demo_runtime.hpp"
#include "paths.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::test {
namespace {

using Json = nlohmann::json;

std::string model_table(const std::string& name, const std::string& path, const std::string& more = {}) {
  return "[[model]]\nname = \"" + name + "\"\npath = \"" + path +
         "\"\nctx-size = 512\nbatch-size = 64\ndevice = \"none\"\nwarm-up = \"quick\"\n" + more;
}

class CApiHost : public CApi {
 protected:
  void SetUp() override {
    CApi::SetUp();
    fleet = "budgets = [\"CPU=200MiB\"]\n[swap]\nfolder = \"" + (folder.path() / "swap").string() + "\"\n" +
            model_table("mate", kDemo) + model_table("log", kOtherDemo) +
            model_table("vectors", kDemo, "embeddings = true\npooling = \"mean\"\n");
  }
  void TearDown() override {
    expect_ok(plimsoll_host_close(host));
    CApi::TearDown();
  }
  void open_host(const plimsoll_host_options* options = nullptr) {
    expect_ok(plimsoll_host_open_text(runtime, fleet.c_str(), nullptr, options, &host));
    ASSERT_NE(host, nullptr);
  }
  [[nodiscard]] plimsoll_lease* lease(const char* name, std::uint64_t conversation = 0) const {
    plimsoll_acquire_options options;
    expect_ok(plimsoll_acquire_options_init(&options, sizeof options));
    options.conversation = conversation;
    plimsoll_lease* out = nullptr;
    expect_ok(plimsoll_host_acquire(host, name, &options, &out));
    return out;
  }
  [[nodiscard]] std::string state_of(const std::string& name) const {
    char* json = nullptr;
    expect_ok(plimsoll_host_status_json(host, &json));
    const Json status = Json::parse(taken(json));
    for (const Json& one : status.at("models")) {
      if (one.at("name") == name) return one.at("state");
    }
    return "no such model";
  }
  [[nodiscard]] static std::string says(plimsoll_conversation* conversation, const char* text) {
    const plimsoll_generation_options options = greedy();
    plimsoll_generation* generation = nullptr;
    expect_ok(plimsoll_conversation_generate(conversation, text, -1, &options, &generation));
    char* out = nullptr;
    expect_ok(plimsoll_generation_rest(generation, &out, nullptr));
    expect_ok(plimsoll_generation_close(generation));
    return taken(out);
  }

  TemporaryFolder folder;
  std::string fleet;
  plimsoll_host* host = nullptr;
};

TEST_F(CApiHost, AModelCanHaveAProcessOfItsOwn) {
  fleet = "isolation = \"process\"\n" + fleet;
  plimsoll_host_options options;
  expect_ok(plimsoll_host_options_init(&options, sizeof options));
  EXPECT_EQ(options.program, nullptr);
  const std::string program = binary_path("bin/plimsoll");
  options.program = program.c_str();
  open_host(&options);
  plimsoll_lease* const there = lease("mate");
  plimsoll_conversation* talk = nullptr;
  expect_ok(plimsoll_lease_conversation(there, &talk));
  EXPECT_FALSE(says(talk, "Day 12.").empty());
  char* json = nullptr;
  expect_ok(plimsoll_host_status_json(host, &json));
  const Json status = Json::parse(taken(json));
  EXPECT_GT(status.at("models").at(0).at("process").at("pid"), 0) << status;
  expect_ok(plimsoll_conversation_close(talk));
  expect_ok(plimsoll_lease_close(there));
}

TEST_F(CApiHost, AModelIsLoadedWhenItIsAskedFor) {
  open_host();
  EXPECT_EQ(state_of("mate"), "absent");
  plimsoll_lease* const here = lease("mate");
  EXPECT_EQ(state_of("mate"), "ready");
  plimsoll_conversation* talk = nullptr;
  expect_ok(plimsoll_lease_conversation(here, &talk));
  EXPECT_FALSE(says(talk, "Day 12.").empty());
  expect_ok(plimsoll_lease_close(here));
  expect_code(PLIMSOLL_USAGE, "the lease of this conversation was closed", plimsoll_conversation_clear(talk));
  expect_ok(plimsoll_conversation_close(talk));

  plimsoll_plan* plan = nullptr;
  expect_ok(plimsoll_host_plan(host, &plan));
  char* json = nullptr;
  expect_ok(plimsoll_plan_json(plan, &json));
  EXPECT_EQ(Json::parse(taken(json)).at("models").size(), 3U);
  expect_ok(plimsoll_plan_close(plan));
}

TEST_F(CApiHost, AConversationOutlivesItsLease) {
  open_host();
  std::uint64_t conversation = 0;
  expect_ok(plimsoll_host_new_conversation(host, "mate", &conversation));
  EXPECT_NE(conversation, 0U);
  plimsoll_lease* here = lease("mate", conversation);
  plimsoll_conversation* talk = nullptr;
  expect_ok(plimsoll_lease_conversation(here, &talk));
  (void)says(talk, "Day 12.");
  std::uint64_t size = 0;
  expect_ok(plimsoll_conversation_size(talk, &size, nullptr));
  expect_code(PLIMSOLL_BUSY, "", plimsoll_host_end_conversation(host, conversation));
  expect_ok(plimsoll_lease_close(here));
  expect_ok(plimsoll_conversation_close(talk));
  expect_ok(plimsoll_host_unload(host, "mate"));

  here = lease("mate", conversation);
  expect_ok(plimsoll_lease_conversation(here, &talk));
  std::uint64_t again = 0;
  expect_ok(plimsoll_conversation_size(talk, &again, nullptr));
  EXPECT_EQ(again, size);
  expect_ok(plimsoll_conversation_close(talk));
  expect_ok(plimsoll_lease_close(here));
  expect_ok(plimsoll_host_end_conversation(host, conversation));
  plimsoll_acquire_options options;
  expect_ok(plimsoll_acquire_options_init(&options, sizeof options));
  options.conversation = conversation;
  expect_code(PLIMSOLL_USAGE, "", plimsoll_host_acquire(host, "mate", &options, &here));
  EXPECT_EQ(here, nullptr);
}

TEST_F(CApiHost, TwoHandlesOfOneLeaseAreOneConversation) {
  open_host();
  plimsoll_lease* const here = lease("mate");
  plimsoll_conversation* one = nullptr;
  plimsoll_conversation* two = nullptr;
  expect_ok(plimsoll_lease_conversation(here, &one));
  expect_ok(plimsoll_lease_conversation(here, &two));
  expect_ok(plimsoll_conversation_prompt(one, "Day 12.", -1));
  std::uint64_t size = 0;
  expect_ok(plimsoll_conversation_size(two, &size, nullptr));
  EXPECT_GT(size, 0U);
  expect_code(PLIMSOLL_UNSUPPORTED, "", plimsoll_conversation_fork(one, &two));
  expect_ok(plimsoll_conversation_close(one));
  expect_ok(plimsoll_lease_close(here));
}

TEST_F(CApiHost, ALeaseEmbeds) {
  open_host();
  plimsoll_lease* const here = lease("vectors");
  const char* const text = "We hauled up the anchor.";
  plimsoll_embeddings* vectors = nullptr;
  expect_ok(plimsoll_lease_embed(here, &text, 1, nullptr, &vectors));
  std::uint64_t count = 0;
  expect_ok(plimsoll_embeddings_count(vectors, &count));
  EXPECT_EQ(count, 1U);
  expect_ok(plimsoll_embeddings_close(vectors));
  plimsoll_ranking* ranking = nullptr;
  expect_code(PLIMSOLL_USAGE, "", plimsoll_lease_rank(here, "wind", &text, 1, nullptr, &ranking));
  plimsoll_conversation* talk = nullptr;
  expect_code(PLIMSOLL_UNSUPPORTED, "", plimsoll_lease_conversation(here, &talk));
  expect_ok(plimsoll_lease_close(here));
}

struct Changes {
  std::mutex mutex;
  std::vector<std::string> seen;
  plimsoll_host* host = nullptr;
  bool throws = false;
};

void changed(void* data, const char* model, const char* from, const char* to) {
  auto& changes = *static_cast<Changes*>(data);
  const std::lock_guard lock(changes.mutex);
  changes.seen.push_back(std::string(model) + ": " + from + " to " + to);
  char* json = nullptr;
  expect_code(PLIMSOLL_USAGE, "inside a callback of this kind", plimsoll_host_status_json(changes.host, &json));
  expect_code(PLIMSOLL_USAGE, "nothing can be closed: locks are held", plimsoll_host_close(changes.host));
  if (changes.throws) throw std::runtime_error("over board");
}

TEST_F(CApiHost, ChangesAreToldAndTheHostIsNotTouchedThere) {
  Changes changes;
  plimsoll_host_options options;
  expect_ok(plimsoll_host_options_init(&options, sizeof options));
  options.on_change = &changed;
  options.user_data = &changes;
  open_host(&options);
  {
    const std::lock_guard lock(changes.mutex);
    changes.host = host;
  }
  expect_ok(plimsoll_host_load(host, "mate", nullptr));
  {
    const std::lock_guard lock(changes.mutex);
    EXPECT_EQ(changes.seen.front(), "mate: absent to loading");
    EXPECT_EQ(changes.seen.back(), "mate: warming to ready");
    changes.throws = true;
  }
  expect_ok(plimsoll_set_log(PLIMSOLL_LOG_OFF, nullptr, nullptr));
  expect_ok(plimsoll_host_load(host, "log", nullptr));
  expect_ok(plimsoll_set_log(PLIMSOLL_LOG_WARN, nullptr, nullptr));
  EXPECT_EQ(state_of("log"), "ready");
  expect_ok(plimsoll_host_close(host));
  host = nullptr;
}

TEST_F(CApiHost, WhatMeansNothingIsNamed) {
  expect_code(PLIMSOLL_USAGE, "fleet:2:1: unknown key 'nmae' of a model",
              plimsoll_host_open_text(runtime, "[[model]]\nnmae = \"x\"\npath = \"x.gguf\"", nullptr, nullptr, &host));
  expect_code(PLIMSOLL_IO, "absent.toml", plimsoll_host_open(runtime, "absent.toml", nullptr, &host));
  expect_code(PLIMSOLL_USAGE, "the fleet is NULL", plimsoll_host_open_text(runtime, nullptr, nullptr, nullptr, &host));
  EXPECT_EQ(host, nullptr);
  open_host();
  plimsoll_lease* none = nullptr;
  expect_code(PLIMSOLL_USAGE, "nobody", plimsoll_host_acquire(host, "nobody", nullptr, &none));
  expect_code(PLIMSOLL_USAGE, "the model's name is NULL", plimsoll_host_acquire(host, nullptr, nullptr, &none));
  expect_code(PLIMSOLL_USAGE, "", plimsoll_host_pin(host, "nobody", 1));
  expect_ok(plimsoll_host_pin(host, "mate", 1));
  plimsoll_lease* const all = lease("mate");
  plimsoll_acquire_options options;
  expect_ok(plimsoll_acquire_options_init(&options, sizeof options));
  options.patience_ms = 1;
  expect_code(PLIMSOLL_BUSY, "", plimsoll_host_acquire(host, "mate", &options, &none));
  expect_ok(plimsoll_stop_create(&options.stop));
  expect_ok(plimsoll_stop_request(options.stop));
  options.patience_ms = -1;
  expect_code(PLIMSOLL_CANCELLED, "", plimsoll_host_acquire(host, "mate", &options, &none));
  expect_ok(plimsoll_stop_close(options.stop));
  expect_ok(plimsoll_lease_close(all));
}

TEST_F(CApiHost, AMonitorSamplesAHost) {
  open_host();
  plimsoll_monitor_options options;
  expect_ok(plimsoll_monitor_options_init(&options, sizeof options));
  options.interval_ms = 0;
  plimsoll_monitor* monitor = nullptr;
  expect_ok(plimsoll_monitor_open(host, &options, &monitor));
  char* text = nullptr;
  expect_ok(plimsoll_monitor_status_json(monitor, &text));
  EXPECT_EQ(taken(text), "null");
  expect_ok(plimsoll_host_load(host, "mate", nullptr));
  expect_ok(plimsoll_monitor_sample(monitor));
  expect_ok(plimsoll_monitor_status_json(monitor, &text));
  const Json status = Json::parse(taken(text));
  EXPECT_EQ(status.at("schema"), "plimsoll.status/1");
  EXPECT_EQ(status.at("models").size(), 3U);
  expect_ok(plimsoll_monitor_prometheus(monitor, &text));
  EXPECT_NE(taken(text).find("plimsoll_budget_bytes{"), std::string::npos);
  expect_ok(plimsoll_monitor_alerts_json(monitor, &text));
  EXPECT_TRUE(Json::parse(taken(text)).is_array());
  expect_ok(plimsoll_host_close(host));  // the monitor holds it
  host = nullptr;
  expect_ok(plimsoll_monitor_sample(monitor));
  expect_ok(plimsoll_monitor_close(monitor));
}

struct Alerts {
  std::vector<Json> seen;
  plimsoll_monitor* monitor = nullptr;
  bool throws = false;
};

void alerted(void* data, const char* alert) {
  auto& alerts = *static_cast<Alerts*>(data);
  alerts.seen.push_back(Json::parse(alert));
  if (alerts.throws) throw std::runtime_error("mine");
  expect_code(PLIMSOLL_USAGE, "a monitor cannot be closed from its own callback",
              plimsoll_monitor_close(alerts.monitor));
  char* text = nullptr;
  expect_ok(plimsoll_monitor_alerts_json(alerts.monitor, &text));
  expect_ok(plimsoll_free(text));
}

TEST_F(CApiHost, AnAlertIsToldAndMayNotCloseItsMonitor) {
  expect_ok(plimsoll_runtime_close(runtime));
  plimsoll_runtime_options budgeted;
  expect_ok(plimsoll_runtime_options_init(&budgeted, sizeof budgeted));
  const char* const budget = "CPU=256MiB";
  budgeted.budgets = &budget;
  budgeted.n_budgets = 1;
  expect_ok(plimsoll_runtime_open(&budgeted, &runtime));
  const plimsoll_model_options options = small_model();
  Alerts alerts;
  plimsoll_monitor_options watching;
  expect_ok(plimsoll_monitor_options_init(&watching, sizeof watching));
  watching.interval_ms = 0;
  watching.warn = 0.001;
  watching.high = 0.002;
  watching.on_alert = &alerted;
  watching.user_data = &alerts;
  expect_ok(plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
  plimsoll_monitor* monitor = nullptr;
  expect_ok(plimsoll_monitor_open_runtime(runtime, &watching, &monitor));
  alerts.monitor = monitor;
  expect_ok(plimsoll_monitor_sample(monitor));
  const auto is_threshold = [](const Json& alert) { return alert.at("kind") == "threshold"; };
  const auto there = std::ranges::find_if(alerts.seen, is_threshold);
  ASSERT_NE(there, alerts.seen.end());
  EXPECT_EQ(there->at("device"), "CPU");
  EXPECT_FALSE(there->at("sentence").get<std::string>().empty());
  expect_ok(plimsoll_monitor_close(monitor));

  plimsoll_monitor_options wrong = watching;
  wrong.high = wrong.warn / 2;
  expect_code(PLIMSOLL_USAGE, "must rise", plimsoll_monitor_open_runtime(runtime, &wrong, &monitor));
  alerts.throws = true;
  expect_ok(plimsoll_set_log(PLIMSOLL_LOG_OFF, nullptr, nullptr));
  expect_ok(plimsoll_monitor_open_runtime(runtime, &watching, &monitor));
  expect_ok(plimsoll_monitor_sample(monitor));  // what it lets out is logged
  expect_ok(plimsoll_set_log(PLIMSOLL_LOG_WARN, nullptr, nullptr));
  expect_ok(plimsoll_monitor_close(monitor));
}

struct Log {
  std::vector<std::string> lines;
  bool asked = false;
};

void logged(void* data, std::int32_t level, const char* component, const char* message) {
  auto& log = *static_cast<Log*>(data);
  if (!std::exchange(log.asked, true)) {
    expect_code(PLIMSOLL_USAGE, "inside a callback of this kind",
                plimsoll_set_log(PLIMSOLL_LOG_WARN, nullptr, nullptr));
  }
  log.lines.push_back(std::to_string(level) + " " + component + ": " + message);
}

TEST_F(CApiHost, TheLogIsTheProgramsWhereItWantsIt) {
  Log log;
  expect_ok(plimsoll_set_log(PLIMSOLL_LOG_DEBUG, &logged, &log));
  const plimsoll_model_options options = small_model();
  expect_ok(plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
  expect_ok(plimsoll_set_log(PLIMSOLL_LOG_WARN, nullptr, nullptr));
  EXPECT_FALSE(log.lines.empty());
  const std::size_t lines = log.lines.size();
  expect_ok(plimsoll_model_close(model));
  model = nullptr;
  EXPECT_EQ(log.lines.size(), lines);
  expect_code(PLIMSOLL_USAGE, "there is no log level 0", plimsoll_set_log(0, nullptr, nullptr));
}

TEST_F(CApiHost, AnotherFleetTakesThePlaceOfThisOne) {
  open_host();
  plimsoll_lease* const here = lease("mate");
  plimsoll_bool applied = 0;
  char* report = nullptr;
  const std::string more = fleet + model_table("spare", kOtherDemo);
  expect_ok(plimsoll_host_reload_text(host, more.c_str(), nullptr, nullptr, &applied, &report));
  EXPECT_EQ(applied, 1);
  const Json told = Json::parse(taken(report));
  EXPECT_EQ(told.at("added"), Json({"spare"}));
  EXPECT_EQ(told.at("unchanged").size(), 3U);
  EXPECT_EQ(state_of("mate"), "ready");
  expect_ok(plimsoll_lease_close(here));
  expect_ok(plimsoll_lease_close(lease("spare")));

  const std::string file = folder.write("fleet.toml", model_table("log", kOtherDemo));
  expect_ok(plimsoll_host_reload(host, file.c_str(), nullptr, &applied, nullptr));
  EXPECT_EQ(applied, 1);
  while (state_of("spare") == "draining") std::this_thread::yield();
  EXPECT_EQ(state_of("spare"), "no such model");
}

TEST_F(CApiHost, AFleetThatIsWrongChangesNothingAndSaysWhy) {
  open_host();
  plimsoll_bool applied = 1;
  char* report = nullptr;
  const std::string wrong = model_table("log", folder.path("nowhere.gguf"));
  expect_ok(plimsoll_host_reload_text(host, wrong.c_str(), nullptr, nullptr, &applied, &report));
  EXPECT_EQ(applied, 0);
  const Json told = Json::parse(taken(report));
  EXPECT_FALSE(told.at("applied").get<bool>());
  EXPECT_FALSE(told.at("reasons").empty());
  EXPECT_EQ(state_of("mate"), "absent");
  expect_code(PLIMSOLL_USAGE, "whether it was applied",
              plimsoll_host_reload_text(host, fleet.c_str(), nullptr, nullptr, nullptr, nullptr));
  plimsoll_stop* stop = nullptr;
  expect_ok(plimsoll_stop_create(&stop));
  expect_ok(plimsoll_stop_request(stop));
  expect_code(PLIMSOLL_CANCELLED, "", plimsoll_host_reload_text(host, fleet.c_str(), nullptr, stop, &applied, &report));
  expect_ok(plimsoll_stop_close(stop));
}

}  // namespace
}  // namespace plimsoll::test
