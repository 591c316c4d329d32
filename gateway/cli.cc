#include "gateway/cli.h"

#include <CLI/CLI.hpp>

namespace sluice {
namespace {

void AddConfigOption(CLI::App& verb, Command& command, const char* names = "-c,--config,file") {
  verb.add_option(names, command.config_file, "Configuration file; conf.d/*.json beside it is read too")->capture_default_str();
}

CLI::App* AddVerb(CLI::App& parent, const std::string& name, const std::string& text, Command& command, Verb verb) {
  CLI::App* app = parent.add_subcommand(name, text);
  app->callback([&command, verb] { command.verb = verb; });
  return app;
}

}  // namespace

std::variant<Command, int> ParseCommandLine(int argc, char** argv) {
  Command command;
  CLI::App app("Sluice: durable event router from MQTT to Kafka for edge gateways", "sluice");
  app.require_subcommand(1);

  CLI::App* run = AddVerb(app, "run", "Run the gateway in the foreground, until SIGTERM or SIGINT", command, Verb::kRun);
  AddConfigOption(*run, command);
  int stop_limit = static_cast<int>(command.stop_limit.count());
  run->add_option("--stop-limit", stop_limit, "Seconds that a stop waits for the sinks' last answers")
      ->capture_default_str()
      ->check(CLI::Range(0, 3600));

  CLI::App* check =
      AddVerb(app, "check", "Report every mistake of a configuration; needs no secrets and no network", command, Verb::kCheck);
  AddConfigOption(*check, command);

  CLI::App* explain =
      AddVerb(app, "explain", "Show what would happen to an event: source, routes, destinations, keys, headers", command, Verb::kExplain);
  explain->add_option("topic", command.topic, "MQTT topic of the event")->required();
  explain->add_option("payload", command.payload_file, "File with its payload; - for standard input");
  AddConfigOption(*explain, command, "-c,--config");

  CLI::App* config = app.add_subcommand("config", "Look at the configuration");
  config->require_subcommand(1);
  CLI::App* show =
      AddVerb(*config, "show", "Print the configuration in force, defaults filled in, secrets masked", command, Verb::kConfigShow);
  AddConfigOption(*show, command);
  AddVerb(*config, "schema", "Print the JSON Schema of the configuration", command, Verb::kConfigSchema);

  AddVerb(app, "version", "Print the version", command, Verb::kVersion);
  app.footer("Exit status: 0 ok, 1 failed, 2 wrong usage or mistakes in a configuration, 78 run with a bad configuration.");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  command.stop_limit = std::chrono::seconds(stop_limit);
  return command;
}

}  // namespace sluice
