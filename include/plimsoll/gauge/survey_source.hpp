// SurveySource: anything that can answer what a configuration takes. Plans are made of its answers.
#pragma once
#include <vector>

#include <plimsoll/gauge/survey.hpp>
#include <plimsoll/gauge/survey_json.hpp>

namespace plimsoll::gauge {

class SurveySource {
 public:
  virtual ~SurveySource() = default;
  [[nodiscard]] virtual Survey survey(const SurveyRequest& request) = 0;
  [[nodiscard]] virtual std::vector<DeviceView> devices() = 0;
  // No question is expected soon: what answering holds on devices is given back. The next question may take longer.
  virtual void rest() {}
};

// Whether there was an answer or not, it rests when this ends.
class RestAfterwards {
 public:
  explicit RestAfterwards(SurveySource& surveys) noexcept : surveys_(surveys) {}
  ~RestAfterwards() { surveys_.rest(); }
  RestAfterwards(const RestAfterwards&) = delete;
  RestAfterwards& operator=(const RestAfterwards&) = delete;

 private:
  SurveySource& surveys_;
};

}  // namespace plimsoll::gauge
