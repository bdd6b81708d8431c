// plimsoll option-table, command-table: the table of options, and every subcommand with what it takes, as JSON, of
// which scripts/option-tables.py and scripts/command-pages.py make pages and completions. Not for people.
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

namespace {

// "-ngl: layers on accelerators": the parser knows no short names of several letters (with_long_names()).
std::vector<std::string> flags_of(const CLI::Option& option, std::string& text) {
  std::vector<std::string> flags;
  for (const std::string& name : option.get_snames()) flags.push_back("-" + name);
  for (std::size_t colon = text.find(": "); text.starts_with('-') && colon != std::string::npos;
       colon = text.find(": ")) {
    flags.push_back(text.substr(0, colon));
    text.erase(0, colon + 2);
  }
  for (const std::string& name : option.get_lnames()) flags.push_back("--" + name);
  return flags;
}

// What it takes, as --help names it; empty: nothing.
std::string value_of(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return {};
  const std::string name = option.get_type_name();
  return name.empty() ? "VALUE" : name;
}

nlohmann::ordered_json options_of(const CLI::App& command) {
  auto out = nlohmann::ordered_json::array();
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;
    std::string text = option->get_description();
    const std::vector<std::string> flags = flags_of(*option, text);
    out.push_back({{"flags", flags},
                   {"positional", option->get_positional() ? option->get_name(true) : ""},
                   {"value", value_of(*option)},
                   {"repeats", option->get_expected_max() > 1},
                   {"text", text},
                   {"group", option->get_group()},
                   {"env", option->get_envname()}});
  }
  return out;
}

// The program itself, then its subcommands.
nlohmann::ordered_json command_table(const CLI::App& program) {
  auto out = nlohmann::ordered_json::array();
  const auto add = [&](const CLI::App& command, const std::string& name) {
    out.push_back({{"name", name},
                   {"text", command.get_description()},
                   {"footer", command.get_footer()},
                   {"options", options_of(command)}});
  };
  add(program, "");
  for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty()) add(*command, command->get_name());
  }
  return out;
}

}  // namespace

void add_option_table(CLI::App& app, GlobalOptions&, int& status) {
  app.add_subcommand("command-table", "The subcommands as JSON")->group("")->callback([&app, &status] {
    fmt::print("{}\n", command_table(app).dump(1));
    status = done;
  });
  app.add_subcommand("option-table", "The table of options as JSON")->group("")->callback([&status] {
    fmt::print("{}\n", option_table().dump(1));
    status = done;
  });
}

}  // namespace plimsoll::app
