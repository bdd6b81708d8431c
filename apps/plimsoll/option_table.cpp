// plimsoll option-table: the table of options as JSON, of which scripts/option-tables.py makes pages and completions.
// Not for people.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "exit_status.hpp"

namespace plimsoll::app {

nlohmann::ordered_json option_table() {
  static constexpr const char* kGroups[]{"model", "context", "budget", "draft"};
  static constexpr const char* kChanges[]{"dry_run", "runtime", "nothing"};
  nlohmann::ordered_json table = nlohmann::ordered_json::array();
  for (const options::Option& option : options::all_options()) {
    if (option.flags.empty() && option.key.empty()) continue;
    table.push_back({{"group", kGroups[static_cast<std::size_t>(option.group)]},
                     {"flags", option.flags},
                     {"env", option.env()},
                     {"key", option.key},
                     {"value", option.value},
                     {"text", option.text},
                     {"default", option.by_default},
                     {"words", option.words},
                     {"changes", kChanges[static_cast<std::size_t>(option.changes)]},
                     {"repeats", option.repeats},
                     {"is_file", option.is_file}});
  }
  return table;
}

void add_option_table(CLI::App& app, GlobalOptions&, int& status) {
  app.add_subcommand("option-table", "The table of options as JSON")->group("")->callback([&status] {
    fmt::print("{}\n", option_table().dump(1));
    status = done;
  });
}

}  // namespace plimsoll::app
