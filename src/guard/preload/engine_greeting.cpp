#include "engine_greeting.hpp"

#include "engine_failure.hpp"
#include "guarding.hpp"
#include "reports.hpp"
#include "words.hpp"

namespace plimsoll::guard {

std::string judge(Engine& engine) {
  std::string why_not = engine.why_not(settings().any_engine);
  get_ready_to_catch();
  engine.guard(why_not.empty());
  return why_not;
}

void greet(const Engine& engine, const std::string& why_not) {
  engine_was_met();
  if (why_not.empty()) return;
  const std::string version = engine.version().empty() ? "ggml without a version" : "ggml " + engine.version();
  say(Weight::refusal, "stands aside from {} ({}): {}. Nothing of it is counted, refused or warmed up{}", version,
      engine.file().empty() ? "in the program itself" : engine.file(), why_not,
      why_not == engine.why_not(true) ? "" : "; --any-engine guards it all the same");
}

}  // namespace plimsoll::guard
