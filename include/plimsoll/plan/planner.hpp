// Planner: surveys, readings and what is remembered, joined into a plan. The one place of this part with effects.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <plimsoll/gauge/survey_source.hpp>
#include <plimsoll/plan/plan.hpp>
#include <plimsoll/plan/store.hpp>

namespace plimsoll::plan {

struct PlannerOptions {
  std::vector<memory::LineRequest> lines;
  // What is committed already, per device (from the ledger of a program that runs models).
  std::vector<std::pair<device::DeviceId, Bytes>> ours;
  bool alternatives = true;  // search for some where the plan is refused
  // What those planned share a lane with, where only that counts of it: plans of compute lines alone.
  std::vector<ModelPlan> lane_mates{};
};

// One thread. Source and store outlive it.
class Planner {
 public:
  Planner(gauge::SurveySource& surveys, Store& store) : surveys_(surveys), store_(store) {}

  // Throws what a survey throws; a plan that does not fit is an answer, not an error. Where several accelerators are to
  // hold a model's layers and no shares were asked for, they are shared out by the room of each, under its line; the
  // plan's request names devices and shares then, so that what is loaded is what was planned.
  // Throws Error{usage} for a line on a device that is not there.
  [[nodiscard]] Plan plan(const std::vector<Request>& requests, const PlannerOptions& options = {});

  // The nearest configuration that fits, of all of them together, with every step explained; the plan as asked where it
  // fits already, and the refused one where nothing does.
  [[nodiscard]] Plan fit(const std::vector<Request>& requests, const PlannerOptions& options = {});

  [[nodiscard]] const std::vector<gauge::DeviceView>& devices();
  // How many surveys were really made, and how many were remembered.
  [[nodiscard]] int surveys_made() const noexcept { return made_; }
  [[nodiscard]] int surveys_remembered() const noexcept { return remembered_; }

 private:
  [[nodiscard]] gauge::Survey survey(const gauge::SurveyRequest& request);
  [[nodiscard]] ModelPlan plan_model(Request request, const std::vector<DeviceState>& states);
  [[nodiscard]] RuntimeFigure runtime_of(const device::DeviceId& device, const gauge::Survey& survey);
  [[nodiscard]] std::vector<DeviceState> states(const PlannerOptions& options);
  [[nodiscard]] std::vector<std::string> device_names();
  [[nodiscard]] std::vector<Alternative> ways_out(const std::vector<ModelPlan>& refused, const PlannerOptions& options,
                                                  const std::vector<DeviceState>& states, std::size_t most);
  void explain(Plan& plan) const;

  gauge::SurveySource& surveys_;
  Store& store_;
  std::vector<gauge::DeviceView> devices_;
  int made_ = 0;
  int remembered_ = 0;
};

}  // namespace plimsoll::plan
