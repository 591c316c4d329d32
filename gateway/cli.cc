#include "gateway/cli.h"

#include <CLI/CLI.hpp>

#include "gateway/suggestion.h"

namespace sluice {
namespace {

constexpr const char* kWhoIsAsked =
    "The running daemon is asked, on its control socket (control.socket). If none runs, the outbox is opened itself, as it is.";

void AddConfigOption(CLI::App& verb, Command& command, const char* names = "-c,--config,file") {
  verb.add_option(names, command.config_file, "Configuration file; conf.d/*.json and rules.d/*.json beside it are read too")
      ->capture_default_str();
}

CLI::App* AddVerb(CLI::App& parent, const std::string& name, const std::string& text, Command& command, Verb verb) {
  CLI::App* app = parent.add_subcommand(name, text);
  app->callback([&command, verb] { command.verb = verb; });
  return app;
}

void AddSocketOptions(CLI::App& verb, Command& command) {
  AddConfigOption(verb, command, "-c,--config");
  verb.add_option("--socket", command.socket, "Ask the daemon on this control socket, and nobody else");
}

void AddLaneOptions(CLI::App& action, RowSelection& which) {
  action.add_option("--sink", which.sink, "Only those of this sink");
  action.add_option("--class", which.lane_class, "Only those of this class");
}

CLI::Option* AddIds(CLI::App& action, RowSelection& which) {
  return action.add_option("ids", which.ids, "Ids as `list` prints them (lane/seq), or of events");
}

CLI::App* AddAction(CLI::App& parent, const std::string& name, const std::string& text, Command& command) {
  CLI::App* app = parent.add_subcommand(name, text);
  app->callback([app, &command] {
    command.verb = Verb::kDeadLetters;
    command.dead_letters.action = app->get_name();
    // What changes something wants to be told of what.
    const CLI::Option* all = app->get_option_no_throw("--all");
    if (all != nullptr && !*all && command.dead_letters.which.ids.empty()) throw CLI::RequiredError(app->get_name() + ": ids or --all");
  });
  AddSocketOptions(*app, command);
  AddLaneOptions(*app, command.dead_letters.which);
  return app;
}

void AddIdsOrAll(CLI::App& action, Command& command) {
  CLI::Option* ids = AddIds(action, command.dead_letters.which);
  CLI::Option* all = action.add_flag("--all", command.dead_letters.all, "All of them, or all of --sink and --class");
  ids->excludes(all);
}

void AddDeadLetters(CLI::App& app, Command& command) {
  CLI::App* letters = app.add_subcommand("dead-letters", "Events that a sink will never take: look at them, send them again, delete them");
  letters->require_subcommand(1);
  CLI::App* list = AddAction(*letters, "list", "List them, without payloads", command);
  list->add_flag("--json", command.json, "JSON Lines instead of a table");
  AddIds(*AddAction(*letters, "show", "Print some of them whole, readably", command), command.dead_letters.which)->required();
  AddIdsOrAll(*AddAction(*letters, "replay", "Send them again, with their ids; refused again, they come back here", command), command);
  CLI::App* exporting =
      AddAction(*letters, "export", "Print them whole, payloads included, as JSON Lines; all unless ids are given", command);
  AddIds(*exporting, command.dead_letters.which);
  exporting->add_option("-o,--output", command.dead_letters.output, "File to write to instead of stdout");
  AddIdsOrAll(*AddAction(*letters, "purge", "Delete them for good", command), command);
  letters->footer(std::string(kWhoIsAsked) +
                  "\nExamples:\n"
                  "  sluice dead-letters list --sink cloud\n"
                  "  sluice dead-letters replay 1/4711\n"
                  "  sluice dead-letters export -o letters.jsonl && sluice dead-letters purge --all");
}

CLI::App* AddOutboxAction(CLI::App& parent, const std::string& name, const std::string& text, Command& command) {
  CLI::App* app = AddVerb(parent, name, text, command, Verb::kOutbox);
  app->parse_complete_callback([app, &command] { command.outbox.action = app->get_name(); });
  AddSocketOptions(*app, command);
  return app;
}

void AddWhichRows(CLI::App& action, Command& command) {
  AddLaneOptions(action, command.outbox.which);
  action.add_option("-n,--limit", command.outbox.limit, "So many at most");
}

void AddOutbox(CLI::App& app, Command& command) {
  OutboxCommand& outbox = command.outbox;
  CLI::App* parent =
      app.add_subcommand("outbox", "Events that wait for their sinks: count them, look at them, move or purge what nobody takes");
  parent->require_subcommand(1);
  CLI::App* stats = AddOutboxAction(*parent, "stats", "Ledger and room of each lane and source; which lanes are orphaned", command);
  stats->add_flag("--json", command.json, "One document as JSON");
  CLI::App* list = AddOutboxAction(*parent, "list", "List what waits, lane by lane, oldest first, without payloads", command);
  AddWhichRows(*list, command);
  list->add_flag("--json", command.json, "JSON Lines instead of a table");
  CLI::App* show = AddOutboxAction(*parent, "show", "Print some of them whole, readably", command);
  AddIds(*show, outbox.which)->required();
  CLI::App* exporting = AddOutboxAction(*parent, "export", "Print them whole, payloads included, as JSON Lines", command);
  AddWhichRows(*exporting, command);
  exporting->add_option("-o,--output", outbox.output, "File to write to instead of stdout");
  CLI::App* purge =
      AddOutboxAction(*parent, "purge", "Give up for good all that waits for a sink that is not configured any more", command);
  purge->add_option("lane", outbox.lane, "SINK/CLASS")->required();
  purge->add_flag("-y,--yes", outbox.yes, "Do not ask; needed where there is no terminal to ask on");
  CLI::App* move = AddOutboxAction(*parent, "move", "Give what waits for a sink that is not configured any more to another sink", command);
  move->add_option("from", outbox.lane, "SINK/CLASS that nobody forwards")->required();
  move->add_option("to", outbox.to, "SINK/CLASS of a sink that is configured")->required();
  move->add_option("--destination", outbox.destination, "Where all of them go (topic, stream), instead of each event's own");
  parent->footer(std::string(kWhoIsAsked) +
                 "\nExamples:\n"
                 "  sluice outbox stats\n"
                 "  sluice outbox list --sink cloud -n 20\n"
                 "  sluice outbox export --sink old -o old.jsonl && sluice outbox purge old/normal\n"
                 "  sluice outbox move old/normal cloud/normal --destination plant.telemetry");
}

void AddTail(CLI::App& app, Command& command) {
  CLI::App* tail = AddVerb(app, "tail", "Show events as they come in, when they are routed; until Ctrl-C", command, Verb::kTail);
  tail->add_option("filter", command.tail.filter, "MQTT topic filter; the gateway's own events match `$sluice/#` only")
      ->capture_default_str();
  tail->add_option("--source", command.tail.source, "Only of this source");
  tail->add_option("-n,--limit", command.tail.limit, "End after so many");
  tail->add_flag("--json", command.json, "JSON Lines with CloudEvents");
  AddSocketOptions(*tail, command);
  tail->footer(
      "Of the running daemon only. What does not print is escaped (--json has all bytes). A terminal that is too slow misses events, and "
      "is\n"
      "told how many; nothing else waits for it.\n"
      "Examples:\n"
      "  sluice tail 'plant/+/temp' --source local\n"
      "  sluice tail '$sluice/#' --json -n 10");
}

void AddRules(CLI::App& app, Command& command) {
  CLI::App* rules = app.add_subcommand("rules", "Alert rules: try them on scenarios, look at them at work");
  rules->require_subcommand(1);
  CLI::App* test =
      AddVerb(*rules, "test", "Run scenario files on virtual time; 1 if some alert is missing or too much", command, Verb::kRulesTest);
  test->add_option("files", command.scenarios, "Scenarios: JSON, as gateway engineers write them (README, \"Alert rules\")")->required();
  AddConfigOption(*test, command, "-c,--config");
  test->add_flag("-v,--verbose", command.verbose, "Tell all alerts");
  test->add_flag("--json", command.json, "The alerts that came as JSON Lines, and nothing else");
  test->footer("Example: sluice rules test tests/*.json -c sluice.json");
  CLI::App* list =
      AddVerb(*rules, "list", "Rules of the running daemon: states, keys, counts, last value, cost", command, Verb::kRulesList);
  AddSocketOptions(*list, command);
  list->add_flag("--json", command.json, "JSON Lines instead of a table");
}

// Where the words lead as far as they are known: `outbox` of `outbox lst`.
const CLI::App& Innermost(const CLI::App& app) {
  const std::vector<CLI::App*> given = app.get_subcommands();
  return given.empty() ? app : Innermost(*given.front());
}

std::string UnknownCommand(const std::string& word, const CLI::App& where) {
  std::vector<std::string> known;
  for (const CLI::App* verb : where.get_subcommands([](const CLI::App*) { return true; })) known.push_back(verb->get_name());
  const std::string meant = ClosestWord(word, known);
  return "unknown command `" + word + "`" + (meant.empty() ? "" : "; did you mean `" + meant + "`?");
}

// The library says of a command that it does not know that one is required.
int Refuse(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& where = Innermost(app);
  const std::vector<std::string> unknown = where.remaining();
  const bool is_command = where.get_require_subcommand_min() > 0 && !unknown.empty() && !unknown[0].starts_with('-');
  if (error.get_exit_code() != 0 && is_command) {
    return app.exit(CLI::ParseError(UnknownCommand(unknown[0], where), CLI::ExitCodes::RequiredError));
  }
  return app.exit(error);
}

}  // namespace

std::variant<Command, int> ParseCommandLine(int argc, char** argv, const std::string& version) {
  Command command;
  CLI::App app("Sluice: durable event router from MQTT to Kafka for edge gateways", "sluice");
  app.require_subcommand(1);
  app.set_version_flag("--version", "sluice " + version);

  CLI::App* run = AddVerb(app, "run", "Run the gateway in the foreground, until SIGTERM or SIGINT", command, Verb::kRun);
  AddConfigOption(*run, command);
  int stop_limit = static_cast<int>(command.stop_limit.count());
  run->add_option("--stop-limit", stop_limit, "Seconds that a stop waits for the sinks' last answers")
      ->capture_default_str()
      ->check(CLI::Range(0, 3600));
  run->add_option("--state-dir", command.state_directory,
                  "Where the configuration that was applied last is kept, to go on with if the present one is broken (default: systemd's "
                  "StateDirectory, if there is one)");
  run->add_flag("--strict", command.strict, "End with 78 if the configuration is broken, instead of going on with the last good one");

  CLI::App* check =
      AddVerb(app, "check", "Report every mistake of a configuration; needs no secrets and no network", command, Verb::kCheck);
  AddConfigOption(*check, command);
  check->add_flag("--json", command.json, "Mistakes and warnings as JSON Lines: severity, file, line, column, pointer, message");
  check->footer(
      "Exit status 2 if there are mistakes, 0 if there are none or warnings only.\nExample: sluice check /etc/sluice/sluice.json");

  CLI::App* explain =
      AddVerb(app, "explain", "Show what would happen to an event: source, routes, destinations, keys, headers", command, Verb::kExplain);
  explain->add_option("topic", command.topic, "MQTT topic of the event")->required();
  explain->add_option("payload", command.payload_file, "File with its payload; - for standard input");
  AddConfigOption(*explain, command, "-c,--config");
  explain->add_flag("--json", command.json, "As a JSON document");
  explain->footer("Examples:\n  sluice explain plant/graz/press/1\n  echo '{\"temp\": 81}' | sluice explain plant/graz/press/1 -");

  CLI::App* status = AddVerb(app, "status", "Show how the gateway is doing: sources, lanes, ledger, disk", command, Verb::kStatus);
  AddSocketOptions(*status, command);
  status->add_flag("--json", command.json, "The whole document as JSON");
  status->footer(kWhoIsAsked);
  CLI::App* reload = AddVerb(app, "reload", "Have the running daemon take up its changed configuration; on a mistake the old one goes on",
                             command, Verb::kReload);
  AddSocketOptions(*reload, command);
  reload->add_flag("--dry-run", command.dry_run, "Only show what would change");
  reload->add_flag("--json", command.json, "JSON Lines instead of text");
  AddTail(app, command);
  AddDeadLetters(app, command);
  AddOutbox(app, command);
  AddRules(app, command);

  CLI::App* config = app.add_subcommand("config", "Look at the configuration");
  config->require_subcommand(1);
  CLI::App* show = AddVerb(*config, "show", "Print what the files of the configuration come to, defaults filled in, secrets masked",
                           command, Verb::kConfigShow);
  AddConfigOption(*show, command);
  AddVerb(*config, "schema", "Print the JSON Schema of the configuration", command, Verb::kConfigSchema);
  AddVerb(*config, "keys", "Print what every key may be, is by default, and means, as Markdown", command, Verb::kConfigKeys);

  CLI::App* print_version = AddVerb(app, "version", "Print the version", command, Verb::kVersion);
  print_version->add_flag("--json", command.json, "As a JSON document");
  app.footer("Exit status: 0 ok, 1 findings or failed, 2 wrong usage or mistakes in a configuration, 78 run with a bad configuration.");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return Refuse(app, error) == 0 ? kExitOk : kExitUsage;
  }
  command.stop_limit = std::chrono::seconds(stop_limit);
  return command;
}

}  // namespace sluice
